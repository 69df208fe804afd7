#include "weft/data/split.hpp"

#include <cmath>
#include <numeric>
#include <vector>

#include "weft/base/error.hpp"

namespace weft::data {

namespace {

bool is_number_character(char c) { return c == '.' || (c >= '0' && c <= '9'); }

std::vector<double> numbers_in(const std::string& text) {
  std::vector<double> numbers;
  for (size_t at = 0; at < text.size();) {
    if (!is_number_character(text[at])) {
      ++at;
      continue;
    }
    size_t end = at;
    while (end < text.size() && is_number_character(text[end])) ++end;
    const std::string word = text.substr(at, end - at);
    char* stop = nullptr;
    numbers.push_back(std::strtod(word.c_str(), &stop));
    check(*stop == '\0', ErrorKind::usage, "--split {}: {} is not a number", text, word);
    at = end;
  }
  return numbers;
}

}  // namespace

const char* name(Split split) {
  switch (split) {
    case Split::train:
      return "train";
    case Split::valid:
      return "valid";
    case Split::test:
      return "test";
  }
  return "?";
}

SplitMatrix parse_split(const std::string& text) {
  std::vector<double> weights = numbers_in(text);
  check(weights.size() <= 3, ErrorKind::usage,
        "--split {} has {} numbers (expected up to 3: train, valid, test)", text, weights.size());
  weights.resize(3, 0.0);
  const double total = std::accumulate(weights.begin(), weights.end(), 0.0);
  check(total > 0.0 && std::isfinite(total), ErrorKind::usage,
        "--split {} gives no split any data (expected a positive number)", text);
  SplitMatrix matrix;
  double begin = 0.0;
  for (size_t i = 0; i < matrix.size(); ++i) {
    const double end = begin + weights[i] / total;
    if (weights[i] > 0.0) matrix[i] = SplitRange{begin, end};
    begin = end;
  }
  return matrix;
}

std::array<int64_t, 2> sequence_range(const SplitRange& range, int64_t num_sequences) {
  // nearbyint rounds half to even in the default rounding mode, as Python's round does.
  const auto boundary = [num_sequences](double share) {
    return static_cast<int64_t>(std::nearbyint(share * static_cast<double>(num_sequences)));
  };
  return {boundary(range.begin), boundary(range.end)};
}

}  // namespace weft::data
