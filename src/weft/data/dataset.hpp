#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace weft::data {

/// Buffers for one microbatch, [B, S] row-major, filled by Dataset::read row by row.
struct SampleView {
  std::span<int64_t> tokens;     ///< [S] input ids
  std::span<int64_t> labels;     ///< [S] tokens shifted by one
  std::span<int64_t> positions;  ///< [S] 0..S-1, or restarting after eod (--reset-position-ids)
  std::span<float> loss_mask;    ///< [S] 1, or 0 where the loss does not count
  /// [S] where the document of each position begins, 0 for the first; empty: not asked for
  std::span<int64_t> starts = {};
};

/// A run of tokens of one sequence inside a sample.
struct SampleSpan {
  int64_t sequence = 0;
  int64_t offset = 0;
  int64_t num_tokens = 0;
};

/// A fixed number of training samples, addressed by index; no iterator state, so any rank and any
/// order reads the same sample k. Reading is const and safe from several threads.
class Dataset {
 public:
  virtual ~Dataset() = default;
  /// Number of samples.
  virtual int64_t size() const = 0;
  /// Fills `out` with sample `index` in [0, size()).
  virtual void read(int64_t index, const SampleView& out) const = 0;
  /// Where the S + 1 tokens of sample `index` come from.
  virtual std::vector<SampleSpan> spans(int64_t index) const = 0;
};

}  // namespace weft::data
