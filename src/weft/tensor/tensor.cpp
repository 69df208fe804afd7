#include "weft/tensor/tensor.hpp"

#include <fmt/format.h>

#include <algorithm>

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
    case DType::f64:
      return "f64";
  }
  return "?";
}

namespace {

/// Bytes before entry `first` of the first dim.
size_t row_offset(const Shape& shape, DType dtype, int64_t first) {
  const int64_t row = shape.num_elements() / std::max<int64_t>(1, shape[0]);
  return static_cast<size_t>(first * row) * size_of(dtype);
}

Shape with_rows(Shape shape, [[maybe_unused]] int64_t first, int64_t count) {
  assert(first >= 0 && count >= 0 && first + count <= shape[0]);
  shape.set(0, count);
  return shape;
}

}  // namespace

ConstTensorView ConstTensorView::rows(int64_t first, int64_t count) const {
  const Shape part = with_rows(shape_, first, count);
  if (empty()) return {nullptr, dtype_, part};
  return {static_cast<const std::byte*>(data_) + row_offset(shape_, dtype_, first), dtype_, part};
}

TensorView TensorView::rows(int64_t first, int64_t count) const {
  const Shape part = with_rows(shape_, first, count);
  if (empty()) return {nullptr, dtype_, part};
  return {static_cast<std::byte*>(data_) + row_offset(shape_, dtype_, first), dtype_, part};
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (size_t dim = 0; dim < shape.num_dims(); ++dim) {
    text += fmt::format("{}{}", dim == 0 ? "" : ", ", shape[dim]);
  }
  return text + "]";
}

}  // namespace weft
