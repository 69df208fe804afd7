#pragma once

#include <cstdint>

#include "weft/kernels/element.hpp"
#include "weft/kernels/parallel.hpp"

// Loops that write one element after the other. What an element becomes may depend on the element's
// old value and on other memory, but on no other element of the destination: the compiler is told
// so, because it cannot see that pointers which may be equal never overlap otherwise.

namespace weft::kernels::inline WEFT_ISA {

/// y[i] = value(i), rounded to T, for i in [0, size).
template <typename T, typename Value>
inline void store_row(int64_t size, T* y, const Value& value) {
#pragma GCC ivdep
  for (int64_t i = 0; i < size; ++i) y[i] = store<T>(value(i));
}

/// y[i] = (accumulate ? y[i] : 0) + value(i), rounded once.
template <typename T, typename Value>
inline void store_row(int64_t size, bool accumulate, T* y, const Value& value) {
  if (accumulate) {
    store_row(size, y, [=](int64_t i) { return load(y[i]) + value(i); });
  } else {
    store_row(size, y, value);
  }
}

/// y[i] = value(i), rounded to T, for i in [0, size), on all threads.
template <typename T, typename Value>
inline void store_all(int64_t size, T* y, const Value& value) {
  parallel_pieces(size, kElementPiece, [=](int64_t begin, int64_t end) {
    const Value local = value;
    store_row(end - begin, y + begin, [=](int64_t i) { return local(begin + i); });
  });
}

}  // namespace weft::kernels::inline WEFT_ISA
