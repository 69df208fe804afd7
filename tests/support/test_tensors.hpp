#pragma once

#include <cmath>
#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "weft/device/stream.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::testing {

/// Numbers of order `scale` around `centre`, the same for equal seeds.
inline Tensor random_tensor(Shape shape, uint32_t seed, double scale = 1.0, double centre = 0.0) {
  Tensor tensor(shape, DType::f32);
  std::mt19937 generator(seed);
  for (float& value : tensor.span<float>()) {
    const double unit = static_cast<double>(generator()) / 4294967296.0;
    value = static_cast<float>(centre + scale * (4.0 * unit - 2.0));
  }
  return tensor;
}

/// Element `i` of a tensor of f32, bf16 or f16.
inline float element_of(ConstTensorView view, size_t i) {
  if (view.dtype() == DType::bf16) return to_float(view.span<BFloat16>()[i]);
  if (view.dtype() == DType::f16) return to_float(view.span<Float16>()[i]);
  return view.span<float>()[i];
}

/// Sets element `i` of a tensor of f32, bf16 or f16 to `value`, rounded.
inline void set_element(TensorView view, size_t i, float value) {
  if (view.dtype() == DType::bf16) {
    view.span<BFloat16>()[i] = to_bfloat16(value);
  } else if (view.dtype() == DType::f16) {
    view.span<Float16>()[i] = to_float16(value);
  } else {
    view.span<float>()[i] = value;
  }
}

/// The elements of `view`, rounded to `dtype`.
inline Tensor as_type(DType dtype, ConstTensorView view) {
  Tensor tensor(view.shape(), dtype);
  const auto size = static_cast<size_t>(view.num_elements());
  for (size_t i = 0; i < size; ++i) set_element(tensor, i, element_of(view, i));
  return tensor;
}

/// A tensor with one value everywhere.
inline Tensor filled_tensor(Shape shape, float value, DType dtype = DType::f32) {
  Tensor tensor(shape, dtype);
  const auto size = static_cast<size_t>(shape.num_elements());
  for (size_t i = 0; i < size; ++i) set_element(tensor, i, value);
  return tensor;
}

/// A tensor of `dtype` with the given elements.
inline Tensor tensor_of(Shape shape, std::span<const float> values, DType dtype = DType::f32) {
  Tensor tensor(shape, dtype);
  for (size_t i = 0; i < values.size(); ++i) set_element(tensor, i, values[i]);
  return tensor;
}

/// A copy of `view`.
inline Tensor copy_of(ConstTensorView view) {
  Tensor tensor(view.shape(), view.dtype());
  const auto* from = static_cast<const std::byte*>(view.raw());
  std::copy(from, from + view.size_bytes(), static_cast<std::byte*>(tensor.view().raw()));
  return tensor;
}

/// The elements of `view` in fp64.
inline std::vector<double> to_double(ConstTensorView view) {
  std::vector<double> values(static_cast<size_t>(view.num_elements()));
  for (size_t i = 0; i < values.size(); ++i) values[i] = element_of(view, i);
  return values;
}

/// i64 tensor with the given elements.
inline Tensor index_tensor(Shape shape, const std::vector<int64_t>& values) {
  Tensor tensor(shape, DType::i64);
  std::copy(values.begin(), values.end(), tensor.span<int64_t>().begin());
  return tensor;
}

}  // namespace weft::testing
