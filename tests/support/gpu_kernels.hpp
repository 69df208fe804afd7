#pragma once

#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "support/emulated_block.hpp"
#include "support/tensor_near.hpp"
#include "weft/kernels/context.hpp"
#include "weft/kernels/norm_constants.hpp"

// What the tests of GPU kernels share: widths of rows, tensors of a type, comparisons.

namespace weft::testing {

inline constexpr kernels::NormConstants kConstants{.epsilon = 1e-5F, .gamma_offset = 1.0F};
/// Less than a warp, a pack and a bit, rows that blocks of every size hold, and those that none
/// does.
inline constexpr std::array<int64_t, 7> kWidths = {1, 24, 77, 1600, 4096, 4097, 8200};

/// A test of kernels that compute with elements of T.
template <typename T>
class GpuKernels : public ::testing::Test {
 protected:
  static Tensor random(Shape shape, uint32_t seed, double centre = 0.0) {
    return as_type(dtype_of<T>, random_tensor(shape, seed, 1.0, centre));
  }
  static Tensor unwritten(Shape shape) { return filled_tensor(shape, NAN, dtype_of<T>); }
  /// Both are within the table's tolerance of the exact result.
  static void expect_near(const char* name, const Tensor& gpu, const Tensor& cpu) {
    const Tolerance one = tolerance_of(gpu.dtype());
    expect_tensor_near(name, gpu, to_double(cpu), {4.0 * one.absolute, 2.0 * one.relative});
  }
  static const T* data(const Tensor& tensor) { return tensor.view().template data<T>(); }
  static T* data(Tensor& tensor) { return tensor.view().template data<T>(); }
  static const float* floats(const Tensor& tensor) { return tensor.view().data<float>(); }
  static float* floats(Tensor& tensor) { return tensor.view().data<float>(); }

  Stream stream_;
  Buffer workspace_{1 << 20};
  kernels::Context context_{stream_, {workspace_.data(), workspace_.size_bytes()}};
};

using GpuElements = ::testing::Types<float, BFloat16, Float16>;

}  // namespace weft::testing
