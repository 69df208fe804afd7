#pragma once

#include "weft/device/instruction_set.hpp"
#include "weft/kernels/layer_norm.hpp"

// How a kernel reaches the processor. The public function (layer_norm.cpp) checks its arguments and
// calls the loop of the same name and signature that stands in kernels::cpu (layer_norm_cpu.cpp),
// compiled once per instruction set, through the table of its set.

/// Every kernel with a loop in kernels::cpu.
#define WEFT_CPU_KERNELS(X)    \
  X(layer_norm_forward)        \
  X(layer_norm_backward_input) \
  X(layer_norm_backward_weight)

namespace weft::kernels {

/// The loops of one instruction set. Their arguments have been checked.
struct CpuKernels {
#define WEFT_MEMBER(name) decltype(&kernels::name) name;
  WEFT_CPU_KERNELS(WEFT_MEMBER)
#undef WEFT_MEMBER
};

/// The loops for the instruction set of `stream`.
const CpuKernels& cpu_kernels(const Stream& stream);

}  // namespace weft::kernels
