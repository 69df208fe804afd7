#pragma once

#include <cstddef>

#include "weft/kernels/attention.hpp"
#include "weft/kernels/dropout.hpp"

// What AttentionPlan calls through the table of its instruction set (cpu_kernels.hpp) on the CPU,
// once it has checked its arguments. The functions exist in kernels::cpu only.

namespace weft::kernels {

/// What forward and backward work on and in.
struct AttentionWork {
  const AttentionSpec& spec;
  const Dropout& dropout;
  const int64_t* starts;  ///< [B, S], or null: see AttentionPlan
  TileProducts products;
  int threads;
  std::byte* workspace;     ///< `bytes_per_thread` for each thread
  size_t bytes_per_thread;  ///< a multiple of kAlignment
};

struct AttentionForward {
  const void* qkv;
  void* out;
  float* lse;
};

struct AttentionBackward {
  const void* dout;
  const void* qkv;
  const void* out;
  const float* lse;
  void* dqkv;
};

void attention_forward(const AttentionWork& work, const AttentionForward& data);
void attention_backward(const AttentionWork& work, const AttentionBackward& data);

}  // namespace weft::kernels
