#pragma once

#include "weft/kernels/math.hpp"
#include "weft/kernels/packs.hpp"

// The sum under a softmax in one pass over the row (Milakov and Gimelshein, "Online normalizer
// calculation for softmax"): a sum stands beside the maximum that it is relative to.

namespace weft::kernels::inline WEFT_ISA {

/// The largest of some numbers, and the sum of exp(x - max) over them.
struct SoftmaxSum {
  float max;
  float sum;

  /// Of no numbers.
  WEFT_HOST_DEVICE static SoftmaxSum none() { return {-INFINITY, 0.0F}; }

  /// What terms are relative to; not infinite, so that they are 0 when every x is -infinity.
  WEFT_HOST_DEVICE float shift() const { return max == -INFINITY ? 0.0F : max; }
};

/// The sum over both sets of numbers.
WEFT_HOST_DEVICE inline SoftmaxSum joined(SoftmaxSum a, SoftmaxSum b) {
  SoftmaxSum both{larger_or_nan(a.max, b.max), 0.0F};
  const float shift = both.shift();
  both.sum = a.sum * math::exp(a.max - shift) + b.sum * math::exp(b.max - shift);
  return both;
}

/// The sum over the elements of `thread`.
template <int N, typename T>
WEFT_HOST_DEVICE inline SoftmaxSum thread_softmax(int64_t thread, int64_t threads, int64_t size,
                                                  const T* x) {
  SoftmaxSum row = SoftmaxSum::none();
  thread_packs<N>(thread, threads, size, [&](int64_t first) {
    float values[N];
    load_pack<N>(x, first, values);
    const float before = row.max;
    for (int i = 0; i < N; ++i) row.max = larger_or_nan(row.max, values[i]);
    const float shift = row.shift();
    row.sum *= math::exp(before - shift);
    for (int i = 0; i < N; ++i) row.sum += math::exp(values[i] - shift);
  });
  return row;
}

}  // namespace weft::kernels::inline WEFT_ISA
