#include "weft/tensor/tensor.hpp"

#include <fmt/format.h>

namespace weft {

std::string_view name(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "f32";
    case DType::i32:
      return "i32";
    case DType::i64:
      return "i64";
    case DType::bf16:
      return "bf16";
    case DType::f16:
      return "f16";
    case DType::u8:
      return "u8";
  }
  return "?";
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (size_t dim = 0; dim < shape.num_dims(); ++dim) {
    text += fmt::format("{}{}", dim == 0 ? "" : ", ", shape[dim]);
  }
  return text + "]";
}

}  // namespace weft
