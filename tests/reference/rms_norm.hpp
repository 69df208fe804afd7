#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

// RMS norm over the rows of [tokens, hidden] in fp64 (reference/megatron.md 4.2).

namespace weft::reference {

struct RmsNormOutput {
  std::vector<double> y;
  std::vector<double> rstd;
};

inline RmsNormOutput rms_norm_forward(const std::vector<double>& x,
                                      const std::vector<double>& gamma, double epsilon) {
  const size_t hidden = gamma.size();
  RmsNormOutput result{std::vector<double>(x.size()), {}};
  for (size_t row = 0; row < x.size(); row += hidden) {
    double square = 0.0;
    for (size_t i = 0; i < hidden; ++i) {
      square += x[row + i] * x[row + i] / static_cast<double>(hidden);
    }
    const double rstd = 1.0 / std::sqrt(square + epsilon);
    for (size_t i = 0; i < hidden; ++i) result.y[row + i] = x[row + i] * rstd * gamma[i];
    result.rstd.push_back(rstd);
  }
  return result;
}

struct RmsNormGradients {
  std::vector<double> dx;
  std::vector<double> dgamma;
};

inline RmsNormGradients rms_norm_backward(const std::vector<double>& dy,
                                          const std::vector<double>& x,
                                          const std::vector<double>& gamma, double epsilon) {
  const size_t hidden = gamma.size();
  const RmsNormOutput forward = rms_norm_forward(x, gamma, epsilon);
  RmsNormGradients result{std::vector<double>(x.size()), std::vector<double>(hidden)};
  for (size_t row = 0; row < x.size(); row += hidden) {
    const double rstd = forward.rstd[row / hidden];
    double mean_g_xhat = 0.0;
    for (size_t i = 0; i < hidden; ++i) {
      const double xhat = x[row + i] * rstd;
      mean_g_xhat += dy[row + i] * gamma[i] * xhat / static_cast<double>(hidden);
      result.dgamma[i] += dy[row + i] * xhat;
    }
    for (size_t i = 0; i < hidden; ++i) {
      const double xhat = x[row + i] * rstd;
      result.dx[row + i] = rstd * (dy[row + i] * gamma[i] - xhat * mean_g_xhat);
    }
  }
  return result;
}

}  // namespace weft::reference
