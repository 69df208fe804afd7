#pragma once

#include "weft/kernels/attention_loops.hpp"
#include "weft/kernels/kernel_table.hpp"

namespace weft::kernels {

/// The loops of one instruction set, those of attention among them.
struct CpuKernels {
  KernelTable table;
  decltype(&kernels::attention_forward) attention_forward;
  decltype(&kernels::attention_backward) attention_backward;
};

/// The loops for the instruction set of `stream`.
const CpuKernels& cpu_kernels(const Stream& stream);

}  // namespace weft::kernels
