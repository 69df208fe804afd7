#include "weft/kernels/rotary.hpp"

#include "weft/kernels/element_loops.hpp"
#include "weft/kernels/rotary_math.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

template <typename T>
void turn_halves(int64_t frequencies, const float* cos, const float* sin, float direction,
                 T* head) {
  T* second = head + frequencies;
  map_row_to_two(
      frequencies, head, second,
      [=](float a, float b, float c, float s) {
        const RotaryPair result = RotaryPair{a, b}.turned(c, direction * s);
        return FloatPair{result.first, result.second};
      },
      head, second, cos, sin);
}

template <typename T>
void turn_neighbours(int64_t frequencies, const float* cos, const float* sin, float direction,
                     T* head) {
  BlockReader<T> reader(head);
  BlockWriter<T> writer(head);
  for_blocks(2 * frequencies, kBlock, [&](int64_t begin, int64_t count) {
    const float* x = reader.read(begin, count);
    float* y = writer.block(begin);
    const float* c = cos + begin / 2;
    const float* s = sin + begin / 2;
// Both may be the same memory: a pair is read before it is written.
#ifndef __SANITIZE_ADDRESS__  // which turns the loop into one that the annotation does not fit
#pragma GCC ivdep
#endif
    for (int64_t f = 0; f < count / 2; ++f) {
      const RotaryPair pair{x[2 * f], x[2 * f + 1]};
      const RotaryPair result = pair.turned(c[f], direction * s[f]);
      y[2 * f] = result.first;
      y[2 * f + 1] = result.second;
    }
    writer.write(begin, count);
  });
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
        if constexpr (pairs == RotaryPairs::halves) {
          turn_halves(frequencies, cos + at, sin + at, direction, head);
        } else {
          turn_neighbours(frequencies, cos + at, sin + at, direction, head);
        }
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
