#pragma once

#include <memory>

#include "weft/kernels/attention_backend.hpp"
#include "weft/kernels/gemm_backend.hpp"
#include "weft/kernels/kernel_table.hpp"

namespace weft::kernels {

/// What the CUDA backend runs: the table of kernels and the makers of what plans stand on. A queue
/// hands it over (DeviceQueue::kernels). Context::workspace, like every view, is the GPU's memory.
struct CudaKernels {
  KernelTable table;
  std::unique_ptr<GemmBackend> (*make_gemm)(const Stream& stream, const GemmSpec& spec);
  /// Null where GemmPlan::fused has no plan.
  std::unique_ptr<GemmBackend> (*make_fused_gemm)(const Stream& stream, const GemmSpec& spec,
                                                  Epilogue epilogue);
  std::unique_ptr<AttentionBackend> (*make_attention)(const Stream& stream,
                                                      const AttentionSpec& spec);
};

}  // namespace weft::kernels
