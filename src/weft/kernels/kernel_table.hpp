#pragma once

#include "weft/kernels/activation.hpp"
#include "weft/kernels/add_norm.hpp"
#include "weft/kernels/attention.hpp"
#include "weft/kernels/cross_entropy.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/embedding.hpp"
#include "weft/kernels/head_rows.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/rms_norm.hpp"
#include "weft/kernels/rotary.hpp"

// How a kernel reaches the device of its stream. The public function (layer_norm.cpp) checks its
// arguments and calls the loop of the same name and signature through the table of the device: of
// kernels::cpu (layer_norm_cpu.cpp, compiled once per instruction set) or kernels::cuda.

/// Every kernel that each device has.
#define WEFT_KERNELS(X)         \
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
  X(add_norm_forward)           \
  X(cross_entropy)              \
  X(cross_entropy_max)          \
  X(cross_entropy_sums)         \
  X(cross_entropy_loss)         \
  X(cross_entropy_backward)     \
  X(masked_sum)                 \
  X(fill_zero)                  \
  X(convert)                    \
  X(convert_rows)               \
  X(add)                        \
  X(scale)                      \
  X(column_sum)                 \
  X(tensor_square_sums)         \
  X(tensor_zero_counts)         \
  X(gate_gradients)             \
  X(all_finite)                 \
  X(fill_normal)                \
  X(fill_uniform)               \
  X(adamw)                      \
  X(sgd)                        \
  X(attention_with_cache)

namespace weft::kernels {

/// The loops of one device. Their arguments have been checked.
struct KernelTable {
// A declared name cannot stand in parentheses.
#define WEFT_MEMBER(name) decltype(&kernels::name) name;  // NOLINT(bugprone-macro-parentheses)
  WEFT_KERNELS(WEFT_MEMBER)
#undef WEFT_MEMBER
};

/// The loops for the device and, on the CPU, the instruction set of `stream`.
const KernelTable& kernel_table(const Stream& stream);

}  // namespace weft::kernels
