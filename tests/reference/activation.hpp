#pragma once

#include <cmath>

// The activations of an MLP and their derivatives in fp64 (reference/megatron.md 4.2).

namespace weft::reference {

inline double gelu_tanh(double x) {
  return 0.5 * x * (1.0 + std::tanh(0.79788456 * x * (1.0 + 0.044715 * x * x)));
}

inline double gelu_tanh_derivative(double x) {
  const double t = std::tanh(0.79788456 * x * (1.0 + 0.044715 * x * x));
  return 0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * (0.79788456 + 0.1070322243 * x * x);
}

inline double gelu_erf(double x) { return 0.5 * x * (1.0 + std::erf(x / std::sqrt(2.0))); }

inline double gelu_erf_derivative(double x) {
  const double density = std::exp(-0.5 * x * x) / std::sqrt(2.0 * M_PI);
  return 0.5 * (1.0 + std::erf(x / std::sqrt(2.0))) + x * density;
}

inline double squared_relu(double x) { return x > 0.0 ? x * x : 0.0; }

inline double squared_relu_derivative(double x) { return x > 0.0 ? 2.0 * x : 0.0; }

inline double silu(double x) { return x / (1.0 + std::exp(-x)); }

inline double silu_derivative(double x) {
  const double sigmoid = 1.0 / (1.0 + std::exp(-x));
  return sigmoid * (1.0 + x * (1.0 - sigmoid));
}

}  // namespace weft::reference
