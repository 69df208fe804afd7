#pragma once

#include <cstdint>

namespace weft::kernels {

/// Which features of a qkv row belong to which head. Megatron's order (reference/megatron.md 4.3):
/// for each query group (heads / groups) * head_dim of Q, then head_dim of K and of V.
struct HeadLayout {
  int64_t heads = 0;     ///< N
  int64_t groups = 0;    ///< G, divides N
  int64_t head_dim = 0;  ///< D

  constexpr int64_t heads_per_group() const { return heads / groups; }
  constexpr int64_t group_width() const { return (heads_per_group() + 2) * head_dim; }
  /// Q, features of a row: (N + 2 G) D.
  constexpr int64_t qkv_width() const { return groups * group_width(); }
};

}  // namespace weft::kernels
