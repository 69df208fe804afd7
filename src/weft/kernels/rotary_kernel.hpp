#pragma once

#include "weft/kernels/head_layout.hpp"
#include "weft/kernels/rotary_math.hpp"
#include "weft/kernels/row_kernel.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// rotary_forward and rotary_backward (rotary.hpp) in place for GPU threads: one block per row of
/// qkv_SBQ, a pack of pairs per thread.
template <typename T>
struct RotaryRow {
  T* qkv_SBQ;
  const float* cos_SF;
  const float* sin_SF;
  HeadLayout layout;
  int64_t microbatch;
  int64_t frequencies;  ///< F
  float direction;      ///< 1 forward, -1 backward
  bool neighbours;      ///< RotaryPairs::neighbours

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    T* qkv = qkv_SBQ + row * layout.qkv_width();
    const float* cos = cos_SF + row / microbatch * frequencies;
    const float* sin = sin_SF + row / microbatch * frequencies;
    // Of every group the queries turn, then the key.
    const int64_t heads = layout.heads_per_group() + 1;
    block.each_pack(layout.groups * heads * frequencies, [&](int64_t first) {
      // In 32 bits, where divisions take a fraction of the instructions.
      const auto pair = static_cast<uint32_t>(first);
      const uint32_t slot = pair / static_cast<uint32_t>(frequencies);
      const uint32_t frequency = pair % static_cast<uint32_t>(frequencies);
      const uint32_t group = slot / static_cast<uint32_t>(heads);
      const uint32_t of_group = slot % static_cast<uint32_t>(heads);
      T* head = qkv + group * layout.group_width() + of_group * layout.head_dim;
      turn<Block::kPack>(head, cos, sin, frequency);
    });
  }

 private:
  /// Turns N pairs of one head from pair `frequency`.
  template <int N>
  WEFT_HOST_DEVICE void turn(T* head, const float* cos, const float* sin, int64_t frequency) const {
    float c[N];
    float s[N];
    float a[N];
    float b[N];
    load_pack<N>(cos, frequency, c);
    load_pack<N>(sin, frequency, s);
    // The first N of the elements, and the N that stand a row of halves or N elements behind them.
    const int64_t at = neighbours ? 2 * frequency : frequency;
    const int64_t behind = neighbours ? at + N : at + frequencies;
    load_pack<N>(static_cast<const T*>(head), at, a);
    load_pack<N>(static_cast<const T*>(head), behind, b);
    if (neighbours) {
      turn_neighbours<N>(c, s, a, b);
    } else {
      for (int i = 0; i < N; ++i) turn_pair(c[i], s[i], a[i], b[i]);
    }
    store_pack<N>(head, at, a);
    store_pack<N>(head, behind, b);
  }

  WEFT_HOST_DEVICE void turn_pair(float cos, float sin, float& first, float& second) const {
    const RotaryPair turned = RotaryPair{first, second}.turned(cos, direction * sin);
    first = turned.first;
    second = turned.second;
  }

  /// Pairs lie side by side: the first half of them in `a`, the second in `b`.
  template <int N>
  WEFT_HOST_DEVICE void turn_neighbours(const float (&c)[N], const float (&s)[N], float (&a)[N],
                                        float (&b)[N]) const {
    if constexpr (N == 1) {
      turn_pair(c[0], s[0], a[0], b[0]);
    } else {
      for (int i = 0; i < N / 2; ++i) {
        turn_pair(c[i], s[i], a[2 * i], a[2 * i + 1]);
        turn_pair(c[N / 2 + i], s[N / 2 + i], b[2 * i], b[2 * i + 1]);
      }
    }
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
