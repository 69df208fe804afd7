#pragma once

#include <cstdint>

#include "weft/base/philox.hpp"
#include "weft/kernels/isa.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// sum_of_squares (elementwise.hpp) for GPU threads, with the processor's bits: 16 lanes of f64 for
/// each 1024 elements, folded in halves, then the blocks in order. Squares of floats are exact in
/// f64, so a fused multiplication changes nothing.
struct SquareSums {
  static constexpr int64_t kBlock = 1024;
  static constexpr int64_t kLanes = 16;

  const float* x;
  double* partials;  ///< one per block
  int64_t size;

  WEFT_HOST_DEVICE int64_t num_blocks() const { return (size + kBlock - 1) / kBlock; }

  /// What one of a block's lanes adds up.
  WEFT_HOST_DEVICE double lane(int64_t block, int64_t lane) const {
    const int64_t end = (block + 1) * kBlock < size ? (block + 1) * kBlock : size;
    double sum = 0.0;
    for (int64_t i = block * kBlock + lane; i < end; i += kLanes) {
      const double value = x[i];
      sum += value * value;
    }
    return sum;
  }

  /// The sum of the blocks, for one thread.
  WEFT_HOST_DEVICE double total() const {
    double sum = 0.0;
    for (int64_t block = 0; block < num_blocks(); ++block) sum += partials[block];
    return sum;
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
