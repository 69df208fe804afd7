#pragma once

#include <array>
#include <cstddef>
#include <limits>
#include <span>

#include "weft/kernels/attention_graph.hpp"

// What a run of attention's graphs is given: a pointer for every tensor that is in memory and for
// every number that is passed by value.

namespace weft::kernels {

/// The numbers that graphs take by value, which every run reads again.
struct AttentionNumbers {
  explicit AttentionNumbers(const AttentionGraphSpec& spec);

  float scale;
  /// Finite, as NVIDIA's own graphs have it: minus a finite maximum it is not NaN.
  float negative_infinity = std::numeric_limits<float>::lowest();
  float keep;
  float inverse_keep;
};

/// Pointers by id. Ids that a graph has not are left out.
class TensorPointers {
 public:
  void add(TensorId id, const void* data);
  void add(const AttentionValues& values, const AttentionNumbers& numbers);
  std::span<const TensorPointer> all() const { return std::span(pointers_).first(size_); }

 private:
  std::array<TensorPointer, 24> pointers_;
  size_t size_ = 0;
};

/// Operands of forward, device memory. `random` is two i64: seed and offset.
struct AttentionForwardMemory {
  const std::byte* qkv_SBQ;
  const std::byte* out_SBO;
  const float* lse_BNS;
  const int64_t* random;
};

/// Operands of backward and the workspaces that are the graph's tensors.
struct AttentionBackwardMemory {
  const std::byte* dout_SBO;
  const std::byte* qkv_SBQ;
  const std::byte* out_SBO;
  const float* lse_BNS;
  const std::byte* dqkv_SBQ;
  const int64_t* random;
  const float* delta;
  const float* dq_sum;
};

TensorPointers tensors_of(const AttentionForwardGraph& graph, const AttentionSpec& sizes,
                          const AttentionNumbers& numbers, const AttentionForwardMemory& memory);
TensorPointers tensors_of(const AttentionBackwardGraph& graph, const AttentionSpec& sizes,
                          const AttentionNumbers& numbers, const AttentionBackwardMemory& memory);

}  // namespace weft::kernels
