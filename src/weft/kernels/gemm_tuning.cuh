#pragma once

#include "weft/kernels/cublaslt_product.cuh"
#include "weft/kernels/kernel_queue.cuh"
#include "weft/kernels/tuned_product.hpp"

namespace weft::kernels::cuda {

/// Of every product's workspace: what cuBLASLt wants on Hopper (reference/cuda.md 2.1).
inline constexpr size_t kGemmWorkspaceBytes = size_t{32} << 20;

/// The fastest algorithm for the product of `spec` on the queue's GPU: the one that this process
/// or, by files under user_cache_directory, an earlier one found, so that equal layers share one
/// and a run repeats another's bits; else that of the shortest time in trials. Throws Error{device}
/// where cuBLASLt has none.
cublasLtMatmulAlgo_t tuned_algorithm(const KernelQueue& queue, const GemmSpec& spec);

/// As above with `epilogue` in the place of the product's bias. None where cuBLASLt has no such
/// product, and where the product of `spec` takes less time together with a copy that moves as many
/// bytes as the kernels that the epilogue replaces (separate_bytes), or no trial had memory.
std::optional<cublasLtMatmulAlgo_t> tuned_algorithm(const KernelQueue& queue, const GemmSpec& spec,
                                                    Epilogue epilogue);

/// Takes a product's description with the alignments of the pointers that it will be run with:
/// biases and aux stand at multiples of kAlignment.
CublasLtProduct aligned_product(const ColumnProduct& product);

}  // namespace weft::kernels::cuda
