#pragma once

#include "weft/device/instruction_set.hpp"
#include "weft/kernels/activation.hpp"
#include "weft/kernels/attention_loops.hpp"
#include "weft/kernels/cross_entropy.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/embedding.hpp"
#include "weft/kernels/head_rows.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/rms_norm.hpp"
#include "weft/kernels/rotary.hpp"

// How a kernel reaches the processor. The public function (layer_norm.cpp) checks its arguments and
// calls the loop of the same name and signature that stands in kernels::cpu (layer_norm_cpu.cpp),
// compiled once per instruction set, through the table of its set.

/// Every kernel with a loop in kernels::cpu.
#define WEFT_CPU_KERNELS(X)     \
  X(layer_norm_forward)         \
  X(layer_norm_backward_input)  \
  X(layer_norm_backward_weight) \
  X(rms_norm_forward)           \
  X(rms_norm_backward_input)    \
  X(rms_norm_backward_weight)   \
  X(activation_forward)         \
  X(activation_backward)        \
  X(rotary_forward)             \
  X(rotary_backward)            \
  X(gather_heads)               \
  X(scatter_heads)              \
  X(embedding_forward)          \
  X(embedding_backward)         \
  X(dropout_forward)            \
  X(bias_dropout_add_forward)   \
  X(cross_entropy)              \
  X(cross_entropy_max)          \
  X(cross_entropy_sums)         \
  X(cross_entropy_loss)         \
  X(cross_entropy_backward)     \
  X(fill_zero)                  \
  X(convert)                    \
  X(convert_rows)               \
  X(add)                        \
  X(scale)                      \
  X(column_sum)                 \
  X(sum_of_squares)             \
  X(count_zeros)                \
  X(all_finite)                 \
  X(fill_normal)                \
  X(fill_uniform)               \
  X(adamw)                      \
  X(sgd)                        \
  X(attention_forward)          \
  X(attention_backward)         \
  X(attention_with_cache)

namespace weft::kernels {

/// The loops of one instruction set. Their arguments have been checked.
struct CpuKernels {
// A declared name cannot stand in parentheses.
#define WEFT_MEMBER(name) decltype(&kernels::name) name;  // NOLINT(bugprone-macro-parentheses)
  WEFT_CPU_KERNELS(WEFT_MEMBER)
#undef WEFT_MEMBER
};

/// The loops for the instruction set of `stream`.
const CpuKernels& cpu_kernels(const Stream& stream);

}  // namespace weft::kernels
