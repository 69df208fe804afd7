#pragma once

#include <cstddef>

#include "weft/tensor/tensor.hpp"

namespace weft {

/// Lays tensors one after another. With no memory behind it it only counts, which is how the size
/// of an arena is planned: run the same `take` calls once without memory, allocate `used_bytes`,
/// run them again with it.
class Arena {
 public:
  /// An arena that only counts.
  Arena() = default;
  /// An arena over `bytes` at `base`, which the caller owns and keeps alive.
  Arena(std::byte* base, size_t bytes) : base_(base), capacity_(bytes) {}

  /// The next tensor of `shape`, aligned to kAlignment; empty in an arena that only counts.
  TensorView take(Shape shape, DType dtype = DType::f32);

  size_t used_bytes() const { return used_; }

 private:
  std::byte* base_ = nullptr;
  size_t capacity_ = 0;
  size_t used_ = 0;
};

}  // namespace weft
