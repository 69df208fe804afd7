#include "weft/kernels/rotary.hpp"

#include "weft/kernels/element.hpp"
#include "weft/kernels/parallel.hpp"
#include "weft/kernels/rotary_math.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

template <RotaryPairs pairs, typename T>
void turn_head(int64_t frequencies, const float* __restrict cos, const float* __restrict sin,
               float direction, T* __restrict head) {
  constexpr bool kHalves = pairs == RotaryPairs::halves;
  const int64_t step = kHalves ? 1 : 2;
  const int64_t distance = kHalves ? frequencies : 1;
#pragma GCC ivdep
  for (int64_t f = 0; f < frequencies; ++f) {
    T* first = head + f * step;
    const RotaryPair pair{load(first[0]), load(first[distance])};
    const RotaryPair result = pair.turned(cos[f], direction * sin[f]);
    first[0] = store<T>(result.first);
    first[distance] = store<T>(result.second);
  }
}

template <RotaryPairs pairs, typename T>
void turn_all(const HeadLayout& layout, ConstTensorView cos_SF, ConstTensorView sin_SF,
              float direction, TensorView qkv_SBQ) {
  const int64_t frequencies = cos_SF.shape().last();
  const int64_t tokens = qkv_SBQ.num_elements() / layout.qkv_width();
  const int64_t samples = tokens / qkv_SBQ.shape()[0];
  const float* cos = cos_SF.data<float>();
  const float* sin = sin_SF.data<float>();
  T* qkv = qkv_SBQ.data<T>();
  parallel_rows(tokens, layout.qkv_width(), [=](int64_t token) {
    const int64_t at = token / samples * frequencies;
    for (int64_t group = 0; group < layout.groups; ++group) {
      T* head = qkv + token * layout.qkv_width() + group * layout.group_width();
      // The group's queries, then its key.
      for (int64_t i = 0; i <= layout.heads_per_group(); ++i, head += layout.head_dim) {
        turn_head<pairs>(frequencies, cos + at, sin + at, direction, head);
      }
    }
  });
}

void turn(const HeadLayout& layout, RotaryPairs pairs, ConstTensorView cos_SF,
          ConstTensorView sin_SF, float direction, TensorView qkv_SBQ) {
  with_type(qkv_SBQ.dtype(), [&]<typename T>(T) {
    if (pairs == RotaryPairs::halves)
      turn_all<RotaryPairs::halves, T>(layout, cos_SF, sin_SF, direction, qkv_SBQ);
    else
      turn_all<RotaryPairs::neighbours, T>(layout, cos_SF, sin_SF, direction, qkv_SBQ);
  });
}

}  // namespace

void rotary_forward(const Context& /*context*/, const HeadLayout& layout, RotaryPairs pairs,
                    ConstTensorView cos_SF, ConstTensorView sin_SF, TensorView qkv_SBQ) {
  turn(layout, pairs, cos_SF, sin_SF, 1.0F, qkv_SBQ);
}

void rotary_backward(const Context& /*context*/, const HeadLayout& layout, RotaryPairs pairs,
                     ConstTensorView cos_SF, ConstTensorView sin_SF, TensorView dqkv_SBQ) {
  turn(layout, pairs, cos_SF, sin_SF, -1.0F, dqkv_SBQ);
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
