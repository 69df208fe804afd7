#pragma once

#include <cuda_runtime.h>

#include "weft/kernels/isa.hpp"

namespace weft::kernels::cuda {

/// The block of threads that runs a kernel of phases (attention_block.hpp), and one thread of it.
template <typename Registers, typename Memory>
class PhaseBlock {
 public:
  __device__ explicit PhaseBlock(Memory& memory) : memory_(memory) {}

  __device__ Memory& memory() const { return memory_; }
  template <typename Body>
  __device__ void phase(const Body& body) {
    body(static_cast<int>(threadIdx.x), registers_);
    __syncthreads();
  }

 private:
  Memory& memory_;
  Registers registers_;
};

/// Runs kernel(block, index) in block `index`.
template <typename Kernel, typename Memory, int kThreads>
__global__ void __launch_bounds__(kThreads, Kernel::kResident) for_blocks(Kernel kernel) {
  extern __shared__ float4 shared_memory[];
  PhaseBlock<typename Kernel::Registers, Memory> block(*reinterpret_cast<Memory*>(shared_memory));
  kernel(block, blockIdx.x);
}

/// Enqueues `kernel` with as many blocks as it has.
template <typename Memory, int kThreads, typename Kernel>
cudaError_t launch_blocks(cudaStream_t stream, const Kernel& kernel) {
  constexpr auto* kFunction = for_blocks<Kernel, Memory, kThreads>;
  constexpr int kBytes = static_cast<int>(sizeof(Memory));
  if constexpr (kBytes > 48 * 1024) {
    const cudaError_t status =
        cudaFuncSetAttribute(kFunction, cudaFuncAttributeMaxDynamicSharedMemorySize, kBytes);
    if (status != cudaSuccess) return status;
  }
  kFunction<<<static_cast<unsigned>(kernel.num_blocks()), kThreads, kBytes, stream>>>(kernel);
  return cudaGetLastError();
}

}  // namespace weft::kernels::cuda
