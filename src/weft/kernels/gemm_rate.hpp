#pragma once

#include <vector>

#include "weft/kernels/gemm.hpp"

namespace weft::kernels {

/// The machine's own limit for matrix products: the best of three forward products of a GPT-2 layer
/// in plain row-major layout, 4096 x (2304 x 768, 3072 x 768, 768 x 3072), as reference/cpu.md 8
/// defines the rate that a training step is compared with.
class GemmRate {
 public:
  /// Takes the operands' memory, about 50 MB. A type that runs as f32 products of converted panels
  /// is measured as f32.
  GemmRate(Stream& stream, DType dtype);
  ~GemmRate();

  /// GFLOP/s now: each product runs for `seconds`, the best average counts.
  double measure(double seconds);

 private:
  struct Product;

  Stream& stream_;
  std::vector<Product> products_;
};

}  // namespace weft::kernels
