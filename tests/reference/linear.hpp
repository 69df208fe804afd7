#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

// A linear layer y = x w^T + b and its gradients in fp64.

namespace weft::reference {

struct LinearSizes {
  int64_t tokens;
  int64_t in;
  int64_t out;
};

inline std::vector<double> linear_forward(const LinearSizes& size, const std::vector<double>& x,
                                          const std::vector<double>& w,
                                          const std::vector<double>& bias) {
  std::vector<double> y;
  for (int64_t t = 0; t < size.tokens; ++t) {
    for (int64_t o = 0; o < size.out; ++o) {
      double sum = bias.empty() ? 0.0 : bias[static_cast<size_t>(o)];
      for (int64_t i = 0; i < size.in; ++i) {
        sum += x[static_cast<size_t>(t * size.in + i)] * w[static_cast<size_t>(o * size.in + i)];
      }
      y.push_back(sum);
    }
  }
  return y;
}

struct LinearGradients {
  std::vector<double> dx;
  std::vector<double> dw;
  std::vector<double> dbias;
};

inline LinearGradients linear_backward(const LinearSizes& size, const std::vector<double>& dy,
                                       const std::vector<double>& x, const std::vector<double>& w) {
  LinearGradients result{std::vector<double>(x.size()), std::vector<double>(w.size()),
                         std::vector<double>(static_cast<size_t>(size.out))};
  for (int64_t t = 0; t < size.tokens; ++t) {
    for (int64_t o = 0; o < size.out; ++o) {
      const double upstream = dy[static_cast<size_t>(t * size.out + o)];
      result.dbias[static_cast<size_t>(o)] += upstream;
      for (int64_t i = 0; i < size.in; ++i) {
        const auto at_x = static_cast<size_t>(t * size.in + i);
        const auto at_w = static_cast<size_t>(o * size.in + i);
        result.dx[at_x] += upstream * w[at_w];
        result.dw[at_w] += upstream * x[at_x];
      }
    }
  }
  return result;
}

}  // namespace weft::reference
