#include "weft/tensor/arena.hpp"

#include "weft/base/error.hpp"

namespace weft {

TensorView Arena::take(Shape shape, DType dtype) {
  const size_t bytes = static_cast<size_t>(shape.num_elements()) * size_of(dtype);
  const size_t offset = used_;
  used_ += aligned_size(bytes);
  if (base_ == nullptr) return {nullptr, dtype, shape};
  check(used_ <= capacity_, ErrorKind::internal, "arena of {} bytes is asked for {}", capacity_,
        used_);
  return {base_ + offset, dtype, shape};
}

}  // namespace weft
