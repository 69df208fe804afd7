#include "weft/data/blending.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::data {

namespace {

std::string trimmed(const std::string& text) {
  const char* kSpace = " \t\n\r";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::optional<double> to_number(const std::string& text) {
  const std::string word = trimmed(text);
  char* end = nullptr;
  const double value = std::strtod(word.c_str(), &end);
  if (word.empty() || *end != '\0') return std::nullopt;
  return value;
}

}  // namespace

Blend parse_blend(const std::vector<std::string>& words) {
  std::vector<std::optional<double>> weights;
  if (words.size() % 2 == 0) {
    for (size_t i = 0; i < words.size(); i += 2) weights.push_back(to_number(words[i]));
  }
  const auto numbers = std::ranges::count_if(weights, [](const auto& w) { return w.has_value(); });
  Blend blend;
  if (numbers == 0) {
    for (const std::string& word : words) blend.prefixes.push_back(trimmed(word));
    return blend;
  }
  for (size_t i = 0; i < weights.size(); ++i) {
    check(weights[i].has_value(), ErrorKind::usage,
          "--data-path: {} stands where a weight is expected (some of the others are weights)",
          words[2 * i]);
    check(*weights[i] > 0.0 && std::isfinite(*weights[i]), ErrorKind::usage,
          "--data-path: weight {} must be positive", words[2 * i]);
    blend.weights.push_back(*weights[i]);
    blend.prefixes.push_back(trimmed(words[2 * i + 1]));
  }
  return blend;
}

int64_t samples_with_margin(int64_t size, double weight, double margin_percent) {
  const double share = std::ceil(static_cast<double>(size) * weight);
  return static_cast<int64_t>(std::ceil(share * (1.0 + margin_percent / 100.0)));
}

BlendIndex build_blend_index(const std::vector<double>& weights, int64_t size) {
  check(weights.size() <= static_cast<size_t>(std::numeric_limits<int16_t>::max()),
        ErrorKind::usage, "--data-path names {} data sets (at most 32767)", weights.size());
  BlendIndex index;
  std::vector<int64_t> used(weights.size(), 0);
  for (int64_t i = 0; i < size; ++i) {
    const double count = static_cast<double>(std::max<int64_t>(i, 1));
    size_t most = 0;
    double largest = -std::numeric_limits<double>::infinity();
    for (size_t d = 0; d < weights.size(); ++d) {
      const double error = weights[d] * count - static_cast<double>(used[d]);
      if (error > largest) largest = error, most = d;
    }
    index.dataset.push_back(static_cast<int16_t>(most));
    index.sample.push_back(used[most]++);
  }
  return index;
}

BlendIndex build_exhaustive_blend_index(const std::vector<int64_t>& sizes) {
  const int64_t total = std::accumulate(sizes.begin(), sizes.end(), int64_t{0});
  BlendIndex index;
  std::vector<int64_t> used(sizes.size(), 0);
  for (int64_t i = 0; i < total; ++i) {
    const double count = static_cast<double>(std::max<int64_t>(i, 1));
    size_t most = 0;
    double largest = -std::numeric_limits<double>::infinity();
    for (size_t d = 0; d < sizes.size(); ++d) {
      if (used[d] == sizes[d]) continue;
      const double weight = static_cast<double>(sizes[d]) / static_cast<double>(total);
      const double error = weight * count - static_cast<double>(used[d]);
      if (error > largest) largest = error, most = d;
    }
    index.dataset.push_back(static_cast<int16_t>(most));
    index.sample.push_back(used[most]++);
  }
  return index;
}

BlendedDataset::BlendedDataset(std::vector<std::unique_ptr<Dataset>> parts, BlendIndex index)
    : parts_(std::move(parts)), index_(std::move(index)) {
  for (size_t k = 0; k < index_.dataset.size(); ++k) {
    const auto d = static_cast<size_t>(index_.dataset[k]);
    check(d < parts_.size() && index_.sample[k] < parts_[d]->size(), ErrorKind::data,
          "the blend asks for sample {} of data set {}, which has {}", index_.sample[k], d,
          d < parts_.size() ? parts_[d]->size() : 0);
  }
}

const Dataset& BlendedDataset::part(int64_t index) const {
  check(index >= 0 && index < size(), ErrorKind::data,
        "sample {} does not exist (expected 0 to {})", index, size() - 1);
  return *parts_[static_cast<size_t>(index_.dataset[static_cast<size_t>(index)])];
}

void BlendedDataset::read(int64_t index, const SampleView& out) const {
  const Dataset& from = part(index);
  from.read(index_.sample[static_cast<size_t>(index)], out);
}

std::vector<SampleSpan> BlendedDataset::spans(int64_t index) const {
  const Dataset& from = part(index);
  return from.spans(index_.sample[static_cast<size_t>(index)]);
}

}  // namespace weft::data
