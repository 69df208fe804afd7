#pragma once

#include "weft/kernels/head_layout.hpp"
#include "weft/kernels/packs.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// Sizes, mask and dropout of an attention. Pointers are of the memory of its device.
struct AttentionShape {
  HeadLayout layout;
  int sequence = 0;                    ///< S
  int microbatch = 0;                  ///< B
  const int64_t* starts_BS = nullptr;  ///< AttentionPlan's; null: no documents
  const int64_t* samples_B = nullptr;
  philox::Key key;
  uint32_t threshold = 0;  ///< Dropout's; 0: everything is kept
  float dropout_scale = 1.0F;
  float scale = 1.0F;  ///< 1 / sqrt(D)
  bool packs = false;  ///< four features may be loaded at once

  WEFT_HOST_DEVICE int head_dim() const { return static_cast<int>(layout.head_dim); }
  WEFT_HOST_DEVICE int64_t qkv_stride() const { return microbatch * layout.qkv_width(); }
  WEFT_HOST_DEVICE int64_t out_stride() const {
    return microbatch * layout.heads * layout.head_dim;
  }
  WEFT_HOST_DEVICE int64_t query_offset(int64_t sample, int64_t head) const {
    const int64_t group = head / layout.heads_per_group();
    return sample * layout.qkv_width() + group * layout.group_width() +
           head % layout.heads_per_group() * layout.head_dim;
  }
  /// Of the group's keys; its values follow D elements behind.
  WEFT_HOST_DEVICE int64_t key_offset(int64_t sample, int64_t group) const {
    return sample * layout.qkv_width() + group * layout.group_width() +
           layout.heads_per_group() * layout.head_dim;
  }
  WEFT_HOST_DEVICE int64_t out_offset(int64_t sample, int64_t head) const {
    return (sample * layout.heads + head) * layout.head_dim;
  }
  /// Of query 0 in [B, N, S].
  WEFT_HOST_DEVICE int64_t row_offset(int64_t sample, int64_t head) const {
    return (sample * layout.heads + head) * sequence;
  }
  /// The first key that `query` sees.
  WEFT_HOST_DEVICE int start(int64_t sample, int query) const {
    return starts_BS == nullptr ? 0 : static_cast<int>(starts_BS[sample * sequence + query]);
  }
  /// Dropout's factors of a query's keys.
  WEFT_HOST_DEVICE DropoutRow dropout_row(int64_t sample, int64_t head, int64_t query) const {
    const auto element = static_cast<uint64_t>((head * sequence + query) * sequence);
    return {key, static_cast<uint64_t>(samples_B[sample]), element, threshold, dropout_scale};
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
