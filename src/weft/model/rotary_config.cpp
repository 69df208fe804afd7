#include "weft/model/rotary_config.hpp"

#include <cmath>
#include <numbers>

namespace weft::model {

namespace {

/// Llama 3.1's rule: low and high frequency factors 1 and 4 of an original context of 8192.
double llama3_frequency(double frequency, double factor) {
  constexpr double kContext = 8192.0;
  constexpr double kLow = 1.0;
  constexpr double kHigh = 4.0;
  const double wavelength = 2.0 * std::numbers::pi / frequency;
  if (wavelength > kContext / kLow) return frequency / factor;
  if (wavelength < kContext / kHigh) return frequency;
  const double smooth = (kContext / wavelength - kLow) / (kHigh - kLow);
  return (1.0 - smooth) * frequency / factor + smooth * frequency;
}

}  // namespace

int64_t RotaryConfig::turning_channels(int64_t head_dim) const {
  return static_cast<int64_t>(static_cast<double>(head_dim) * percent);
}

std::vector<double> RotaryConfig::frequencies(int64_t head_dim) const {
  const int64_t channels = turning_channels(head_dim);
  std::vector<double> result;
  for (int64_t i = 0; i < channels / 2; ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(channels);
    const double plain = std::pow(base, exponent);
    result.push_back(llama3_scaling ? llama3_frequency(plain, llama3_scaling_factor) : plain);
  }
  return result;
}

}  // namespace weft::model
