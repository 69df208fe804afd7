#pragma once

#include "weft/kernels/packs.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// gather_heads and scatter_heads (head_rows.hpp) for GPU threads: a pack of the rows' elements
/// each. Bits are copied: T is an integer of an element's size.
template <typename T>
struct HeadRowsCopy {
  const T* from;
  T* to;
  int64_t run;     ///< neighbouring elements of rows_RD that are neighbours in qkv_TQ too
  int64_t stride;  ///< elements between runs in qkv_TQ
  int64_t start;   ///< of the first run in qkv_TQ
  bool gather;     ///< from qkv_TQ to rows_RD, else back

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    const int64_t in_qkv = first / run * stride + start + first % run;
    const auto* source = reinterpret_cast<const Pack<T, N>*>(from + (gather ? in_qkv : first));
    *reinterpret_cast<Pack<T, N>*>(to + (gather ? first : in_qkv)) = *source;
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
