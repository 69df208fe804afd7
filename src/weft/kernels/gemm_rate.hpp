#pragma once

#include <vector>

#include "weft/kernels/gemm.hpp"

namespace weft::kernels {

/// Numbers in [-1/2, 1/2] of the type: an operand of zeros would be measured too fast.
Tensor benchmark_operand(Shape shape, DType dtype, Stream& stream,
                         MemoryResource& memory = host_memory());

/// The machine's own limit for matrix products: the best of three forward products of a GPT-2 layer
/// in plain row-major layout, 4096 x (2304 x 768, 3072 x 768, 768 x 3072), as reference/cpu.md 8
/// defines the rate that a training step is compared with. On a GPU: 16384 x (8192 x 8192) instead,
/// sizes that fill it.
class GemmRate {
 public:
  /// Takes the operands' memory, about 50 MB, from that of the stream's device. A type that runs as
  /// f32 products of converted panels is measured as f32.
  GemmRate(Stream& stream, DType dtype, MemoryResource& memory = host_memory());
  ~GemmRate();

  /// GFLOP/s now: each product runs for `seconds`, the best average counts.
  double measure(double seconds);

 private:
  struct Product;

  Stream& stream_;
  std::vector<Product> products_;
};

}  // namespace weft::kernels
