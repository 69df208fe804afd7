#include "weft/comm/reduce.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <type_traits>

namespace weft::comm {

namespace {

/// What a stored type is combined in: low precision in fp32, integers without a sign so that their
/// sums wrap around.
template <typename T>
struct Wide {
  using type = T;
  static T load(T value) { return value; }
  static T store(T value) { return value; }
};
template <>
struct Wide<BFloat16> {
  using type = float;
  static float load(BFloat16 value) { return to_float(value); }
  static BFloat16 store(float value) { return to_bfloat16(value); }
};
template <>
struct Wide<Float16> {
  using type = float;
  static float load(Float16 value) { return to_float(value); }
  static Float16 store(float value) { return to_float16(value); }
};

struct Sum {
  template <typename T>
  static T combine(T a, T b) {
    if constexpr (std::is_integral_v<T>) {
      using Unsigned = std::make_unsigned_t<T>;
      return static_cast<T>(static_cast<Unsigned>(a) + static_cast<Unsigned>(b));
    } else {
      return a + b;
    }
  }
};

struct Max {
  template <typename T>
  static T combine(T a, T b) {
    if constexpr (std::is_floating_point_v<T>) {
      return (b > a || std::isnan(b)) && !std::isnan(a) ? b : a;
    } else {
      return std::max(a, b);
    }
  }
};

/// Elements that are combined while they stay in the first-level cache.
constexpr int64_t kBlock = 1024;

template <typename T, typename Combine>
void reduce(std::span<const std::byte* const> contributions, std::byte* output, int64_t elements) {
  std::array<typename Wide<T>::type, kBlock> sums;
  T* out = reinterpret_cast<T*>(output);
  for (int64_t first = 0; first < elements; first += kBlock) {
    const auto count = static_cast<size_t>(std::min(kBlock, elements - first));
    const T* head = reinterpret_cast<const T*>(contributions[0]) + first;
    for (size_t i = 0; i < count; ++i) sums[i] = Wide<T>::load(head[i]);
    for (size_t rank = 1; rank < contributions.size(); ++rank) {
      const T* next = reinterpret_cast<const T*>(contributions[rank]) + first;
      for (size_t i = 0; i < count; ++i) {
        sums[i] = Combine::combine(sums[i], Wide<T>::load(next[i]));
      }
    }
    for (size_t i = 0; i < count; ++i)
      out[first + static_cast<int64_t>(i)] = Wide<T>::store(sums[i]);
  }
}

template <typename T>
void reduce(Reduction reduction, std::span<const std::byte* const> contributions, std::byte* output,
            int64_t elements) {
  if (reduction == Reduction::sum) return reduce<T, Sum>(contributions, output, elements);
  reduce<T, Max>(contributions, output, elements);
}

}  // namespace

void reduce_in_order(DType dtype, Reduction reduction,
                     std::span<const std::byte* const> contributions, std::byte* output,
                     int64_t elements) {
  switch (dtype) {
    case DType::f32:
      return reduce<float>(reduction, contributions, output, elements);
    case DType::bf16:
      return reduce<BFloat16>(reduction, contributions, output, elements);
    case DType::f16:
      return reduce<Float16>(reduction, contributions, output, elements);
    case DType::i32:
      return reduce<int32_t>(reduction, contributions, output, elements);
    case DType::i64:
      return reduce<int64_t>(reduction, contributions, output, elements);
    case DType::u8:
      return reduce<uint8_t>(reduction, contributions, output, elements);
    case DType::f64:
      return reduce<double>(reduction, contributions, output, elements);
  }
}

}  // namespace weft::comm
