#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

// Layer norm over the rows of [tokens, hidden] in fp64 (reference/megatron.md 4.2).

namespace weft::reference {

struct LayerNormOutput {
  std::vector<double> y;
  std::vector<double> mean;
  std::vector<double> rstd;
};

inline LayerNormOutput layer_norm_forward(const std::vector<double>& x,
                                          const std::vector<double>& gamma,
                                          const std::vector<double>& beta, double epsilon) {
  const size_t hidden = gamma.size();
  LayerNormOutput result{std::vector<double>(x.size()), {}, {}};
  for (size_t row = 0; row < x.size(); row += hidden) {
    double mean = 0.0;
    for (size_t i = 0; i < hidden; ++i) mean += x[row + i] / static_cast<double>(hidden);
    double variance = 0.0;
    for (size_t i = 0; i < hidden; ++i) {
      variance += (x[row + i] - mean) * (x[row + i] - mean) / static_cast<double>(hidden);
    }
    const double rstd = 1.0 / std::sqrt(variance + epsilon);
    for (size_t i = 0; i < hidden; ++i) {
      result.y[row + i] = (x[row + i] - mean) * rstd * gamma[i] + beta[i];
    }
    result.mean.push_back(mean);
    result.rstd.push_back(rstd);
  }
  return result;
}

struct LayerNormGradients {
  std::vector<double> dx;
  std::vector<double> dgamma;
  std::vector<double> dbeta;
};

inline LayerNormGradients layer_norm_backward(const std::vector<double>& dy,
                                              const std::vector<double>& x,
                                              const std::vector<double>& gamma, double epsilon) {
  const size_t hidden = gamma.size();
  const LayerNormOutput forward =
      layer_norm_forward(x, gamma, std::vector<double>(hidden), epsilon);
  LayerNormGradients result{std::vector<double>(x.size()), std::vector<double>(hidden),
                            std::vector<double>(hidden)};
  for (size_t row = 0; row < x.size(); row += hidden) {
    const double mean = forward.mean[row / hidden];
    const double rstd = forward.rstd[row / hidden];
    double mean_g = 0.0;
    double mean_g_xhat = 0.0;
    for (size_t i = 0; i < hidden; ++i) {
      const double xhat = (x[row + i] - mean) * rstd;
      const double g = dy[row + i] * gamma[i];
      mean_g += g / static_cast<double>(hidden);
      mean_g_xhat += g * xhat / static_cast<double>(hidden);
      result.dgamma[i] += dy[row + i] * xhat;
      result.dbeta[i] += dy[row + i];
    }
    for (size_t i = 0; i < hidden; ++i) {
      const double xhat = (x[row + i] - mean) * rstd;
      result.dx[row + i] = rstd * (dy[row + i] * gamma[i] - mean_g - xhat * mean_g_xhat);
    }
  }
  return result;
}

}  // namespace weft::reference
