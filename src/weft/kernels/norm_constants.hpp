#pragma once

namespace weft::kernels {

/// Constants of a norm over rows.
struct NormConstants {
  float epsilon = 1e-5F;      ///< added to the variance, or to the mean square
  float gamma_offset = 0.0F;  ///< 1 when weights are stored minus one: the factor is gamma + offset
};

}  // namespace weft::kernels
