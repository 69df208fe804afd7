#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weft/data/dataset.hpp"

namespace weft::data {

/// Data sets with their weights, as --data-path lists them.
struct Blend {
  std::vector<std::string> prefixes;
  std::vector<double> weights;  ///< empty: none were given
};

/// Reads [WEIGHT PREFIX]... or PREFIX... (reference/megatron.md 3.7). Throws Error{usage} when only
/// some of the weights are numbers or one is not positive.
Blend parse_blend(const std::vector<std::string>& words);

/// Samples that a data set of normalised weight `weight` must have for a blend of `size` samples:
/// ceil(ceil(size * weight) * (1 + margin / 100)).
int64_t samples_with_margin(int64_t size, double weight, double margin_percent);

/// Which sample of which data set comes k-th in a blend.
struct BlendIndex {
  std::vector<int16_t> dataset;
  std::vector<int64_t> sample;
};

/// The order of `size` samples that keeps every data set closest to its weight at every point; the
/// first of equals wins.
BlendIndex build_blend_index(const std::vector<double>& weights, int64_t size);

/// As build_blend_index until every data set is used up; weights are the sizes.
BlendIndex build_exhaustive_blend_index(const std::vector<int64_t>& sizes);

/// Samples of several data sets in the order of a BlendIndex.
class BlendedDataset final : public Dataset {
 public:
  BlendedDataset(std::vector<std::unique_ptr<Dataset>> parts, BlendIndex index);

  int64_t size() const override { return static_cast<int64_t>(index_.dataset.size()); }
  void read(int64_t index, const SampleView& out) const override;
  std::vector<SampleSpan> spans(int64_t index) const override;

 private:
  const Dataset& part(int64_t index) const;

  std::vector<std::unique_ptr<Dataset>> parts_;
  BlendIndex index_;
};

}  // namespace weft::data
