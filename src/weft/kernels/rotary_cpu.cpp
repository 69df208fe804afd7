#include "weft/kernels/checks.hpp"
#include "weft/kernels/parallel.hpp"
#include "weft/kernels/rotary.hpp"
#include "weft/kernels/rotary_math.hpp"

namespace weft::kernels {

namespace {

template <RotaryPairs pairs>
void turn_head(int64_t frequencies, const float* __restrict cos, const float* __restrict sin,
               float direction, float* __restrict head) {
  constexpr bool kHalves = pairs == RotaryPairs::halves;
  const int64_t step = kHalves ? 1 : 2;
  const int64_t distance = kHalves ? frequencies : 1;
#pragma GCC ivdep
  for (int64_t f = 0; f < frequencies; ++f) {
    float* first = head + f * step;
    const RotaryPair pair{first[0], first[distance]};
    const RotaryPair result = pair.turned(cos[f], direction * sin[f]);
    first[0] = result.first;
    first[distance] = result.second;
  }
}

template <RotaryPairs pairs>
void turn_all(const HeadLayout& layout, ConstTensorView cos_SF, ConstTensorView sin_SF,
              float direction, TensorView qkv_SBQ) {
  const int64_t sequence = qkv_SBQ.shape()[0];
  const int64_t frequencies = cos_SF.shape().last();
  check(2 * frequencies <= layout.head_dim, ErrorKind::internal,
        "{} rotary frequencies in heads of {}; expected at most half as many", frequencies,
        layout.head_dim);
  check_size("cos_SF", cos_SF, sequence * frequencies);
  check_size("sin_SF", sin_SF, sequence * frequencies);
  const int64_t tokens = qkv_SBQ.num_elements() / layout.qkv_width();
  check_size("qkv_SBQ", qkv_SBQ, tokens * layout.qkv_width());
  const int64_t samples = tokens / sequence;
  const float* cos = cos_SF.data<float>();
  const float* sin = sin_SF.data<float>();
  float* qkv = qkv_SBQ.data<float>();
  parallel_pieces(tokens, rows_per_piece(layout.qkv_width()), [=](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      const int64_t at = token / samples * frequencies;
      for (int64_t group = 0; group < layout.groups; ++group) {
        float* head = qkv + token * layout.qkv_width() + group * layout.group_width();
        // The group's queries, then its key.
        for (int64_t i = 0; i <= layout.heads_per_group(); ++i, head += layout.head_dim) {
          turn_head<pairs>(frequencies, cos + at, sin + at, direction, head);
        }
      }
    }
  });
}

void turn(const HeadLayout& layout, RotaryPairs pairs, ConstTensorView cos_SF,
          ConstTensorView sin_SF, float direction, TensorView qkv_SBQ) {
  if (pairs == RotaryPairs::halves)
    turn_all<RotaryPairs::halves>(layout, cos_SF, sin_SF, direction, qkv_SBQ);
  else
    turn_all<RotaryPairs::neighbours>(layout, cos_SF, sin_SF, direction, qkv_SBQ);
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

}  // namespace weft::kernels
