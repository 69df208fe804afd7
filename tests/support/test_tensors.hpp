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

/// A tensor of fp32 with one value everywhere.
inline Tensor filled_tensor(Shape shape, float value) {
  Tensor tensor(shape, DType::f32);
  for (float& element : tensor.span<float>()) element = value;
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
  const std::span<const float> values = view.span<float>();
  return {values.begin(), values.end()};
}

/// i64 tensor with the given elements.
inline Tensor index_tensor(Shape shape, const std::vector<int64_t>& values) {
  Tensor tensor(shape, DType::i64);
  std::copy(values.begin(), values.end(), tensor.span<int64_t>().begin());
  return tensor;
}

}  // namespace weft::testing
