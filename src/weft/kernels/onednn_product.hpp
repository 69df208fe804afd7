#pragma once

#include <cstddef>
#include <memory>

#include "weft/kernels/gemm.hpp"

namespace weft::kernels {

/// A product of f32 or bf16 as oneDNN's matmul primitive with its memory objects, whose pointers
/// every run sets: it belongs to the thread that made it.
class OneDnnProduct {
 public:
  explicit OneDnnProduct(const GemmSpec& spec);
  ~OneDnnProduct();
  OneDnnProduct(OneDnnProduct&&) noexcept;
  OneDnnProduct& operator=(OneDnnProduct&&) noexcept;

  size_t workspace_bytes() const;
  /// Sizes and types are the spec's; `bias` is null without one.
  void run(std::byte* workspace, const void* a, const void* b, void* c, const void* bias) const;

 private:
  struct Objects;
  GemmSpec spec_;
  std::unique_ptr<Objects> objects_;
};

}  // namespace weft::kernels
