#pragma once

#include <bit>
#include <cstdint>

#include "weft/kernels/isa.hpp"
#include "weft/tensor/dtype.hpp"

// Elements of tensors in arithmetic: kernels read them as float, compute in float and round once
// when they store.

namespace weft::kernels::inline WEFT_ISA {

inline float load(float element) { return element; }
inline float load(BFloat16 element) { return to_float(element); }
inline float load(Float16 element) { return to_float(element); }

/// `value` rounded to the nearest T, ties to even.
template <typename T>
inline T store(float value) = delete;
template <>
inline float store<float>(float value) {
  return value;
}
template <>
inline BFloat16 store<BFloat16>(float value) {
  return to_bfloat16(value);
}
template <>
inline Float16 store<Float16>(float value) {
  return to_float16(value);
}

/// An element's bits, and those that are all set in infinities and NaN alone.
inline uint32_t bits_of(float element) { return std::bit_cast<uint32_t>(element); }
inline uint16_t bits_of(BFloat16 element) { return element.bits; }
inline uint16_t bits_of(Float16 element) { return element.bits; }
inline uint32_t exponent_of(float /*type*/) { return 0x7F800000u; }
inline uint16_t exponent_of(BFloat16 /*type*/) { return 0x7F80; }
inline uint16_t exponent_of(Float16 /*type*/) { return 0x7C00; }

/// Calls body with a value of the C++ type of `dtype`: f32, bf16 or f16.
template <typename Body>
inline void with_type(DType dtype, const Body& body) {
  switch (dtype) {
    case DType::bf16:
      return body(BFloat16{});
    case DType::f16:
      return body(Float16{});
    default:
      return body(float{});
  }
}

/// Calls body with values of the C++ types of the residual stream and of what stands beside it: the
/// same type, or f32 for the stream alone (checks.hpp's check_stream_type).
template <typename Body>
inline void with_stream_type(DType stream, DType dtype, const Body& body) {
  with_type(dtype, [&]<typename T>(T element) {
    if (stream == DType::f32) return body(float{}, element);
    body(element, element);
  });
}

}  // namespace weft::kernels::inline WEFT_ISA
