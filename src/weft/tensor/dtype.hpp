#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weft {

/// Element types of tensors.
enum class DType : uint8_t { f32, i32, i64 };

/// Bytes of one element.
constexpr size_t size_of(DType dtype) { return dtype == DType::i64 ? 8 : 4; }

/// "f32", "i32", "i64"
std::string_view name(DType dtype);

template <typename T>
struct DTypeOf;
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<int64_t> {
  static constexpr DType value = DType::i64;
};
template <typename T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

}  // namespace weft
