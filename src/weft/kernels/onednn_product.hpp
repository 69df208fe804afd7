#pragma once

#include <cstddef>
#include <memory>

#include "weft/kernels/gemm.hpp"

namespace weft::kernels {

/// A product of f32 or bf16 as oneDNN's matmul primitive with its memory objects, whose pointers
/// every run sets: it belongs to the thread that made it.
class OneDnnProduct {
 public:
  explicit OneDnnProduct(const GemmSpec& spec) : OneDnnProduct(spec, spec.dtype) {}
  /// With B of type `b_dtype`: the spec's, or bf16 in an f32 product that packs it (packs_b).
  OneDnnProduct(const GemmSpec& spec, DType b_dtype);
  ~OneDnnProduct();
  OneDnnProduct(OneDnnProduct&&) noexcept;
  OneDnnProduct& operator=(OneDnnProduct&&) noexcept;

  /// Whether B is brought into oneDNN's own layout before the product: plain row-major B runs up to
  /// 20 % slower, and the copy costs one pass over B (reference/cpu.md 1.3).
  static bool packs_b(const GemmSpec& spec) {
    return !spec.transpose_b && spec.m >= 256 && spec.k <= 8192;
  }

  DType b_dtype() const { return b_dtype_; }
  size_t workspace_bytes() const;
  /// Sizes and types are the spec's; `bias` is null without one.
  void run(std::byte* workspace, const void* a, const void* b, void* c, const void* bias) const;

 private:
  struct Objects;
  GemmSpec spec_;
  DType b_dtype_;
  std::unique_ptr<Objects> objects_;
};

}  // namespace weft::kernels
