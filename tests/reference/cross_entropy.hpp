#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

// Cross entropy of rows of logits in fp64 (reference/megatron.md 4.5).

namespace weft::reference {

inline std::vector<double> cross_entropy(const std::vector<double>& logits,
                                         const std::vector<int64_t>& labels) {
  const size_t vocab = logits.size() / labels.size();
  std::vector<double> losses;
  for (size_t t = 0; t < labels.size(); ++t) {
    const double* row = logits.data() + t * vocab;
    const double max = *std::max_element(row, row + vocab);
    double sum = 0.0;
    for (size_t v = 0; v < vocab; ++v) sum += std::exp(row[v] - max);
    losses.push_back(std::log(sum) + max - row[labels[t]]);
  }
  return losses;
}

/// (softmax - onehot(label)) * dloss
inline std::vector<double> cross_entropy_gradient(const std::vector<double>& logits,
                                                  const std::vector<int64_t>& labels,
                                                  const std::vector<double>& dloss) {
  const size_t vocab = logits.size() / labels.size();
  std::vector<double> gradient(logits.size());
  for (size_t t = 0; t < labels.size(); ++t) {
    const double* row = logits.data() + t * vocab;
    const double max = *std::max_element(row, row + vocab);
    double sum = 0.0;
    for (size_t v = 0; v < vocab; ++v) sum += std::exp(row[v] - max);
    for (size_t v = 0; v < vocab; ++v) {
      const double target = static_cast<int64_t>(v) == labels[t] ? 1.0 : 0.0;
      gradient[t * vocab + v] = (std::exp(row[v] - max) / sum - target) * dloss[t];
    }
  }
  return gradient;
}

}  // namespace weft::reference
