// What the CUDA backend finds on the machine.
#include <cublasLt.h>
#include <cuda_runtime_api.h>
#include <cudnn_graph.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "weft/device/facts_cuda.cuh"

namespace weft {

namespace {

/// Copies `text` and ends it, shortened where it must be.
void copy_text(std::span<char> to, const char* text) {
  const size_t size = std::min(to.size() - 1, std::strlen(text));
  std::memcpy(to.data(), text, size);
  to[size] = '\0';
}

/// Leaves the GPU unusable (no memory) when the runtime cannot open it.
GpuFacts gpu_facts(int index) {
  GpuFacts facts;
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, index) != cudaSuccess) return facts;
  copy_text(facts.name, properties.name);
  facts.compute_major = properties.major;
  facts.compute_minor = properties.minor;
  facts.num_multiprocessors = properties.multiProcessorCount;
  facts.total_bytes = static_cast<int64_t>(properties.totalGlobalMem);
  facts.free_bytes = free_gpu_bytes(index);
  return facts;
}

}  // namespace

int64_t free_gpu_bytes(int index) {
  size_t free_bytes = 0;
  size_t total_bytes = 0;
  if (cudaSetDevice(index) != cudaSuccess ||
      cudaMemGetInfo(&free_bytes, &total_bytes) != cudaSuccess) {
    return 0;
  }
  return static_cast<int64_t>(free_bytes);
}

CudaFacts cuda_facts() {
  CudaFacts facts;
  cudaRuntimeGetVersion(&facts.runtime_version);
  facts.cublaslt_version = static_cast<int64_t>(cublasLtGetVersion());
  facts.cudnn_version = static_cast<int64_t>(cudnnGetVersion());
  // 0 without a driver, which is no error of this call.
  if (cudaDriverGetVersion(&facts.driver_version) != cudaSuccess) facts.driver_version = 0;
  if (facts.driver_version < facts.runtime_version) return facts;
  const cudaError_t status = cudaGetDeviceCount(&facts.num_gpus);
  if (status == cudaErrorNoDevice) {
    facts.num_gpus = 0;
    return facts;
  }
  if (status != cudaSuccess) {
    facts.num_gpus = 0;
    copy_text(facts.failure, cudaGetErrorString(status));
    return facts;
  }
  facts.num_gpus = std::min(facts.num_gpus, CudaFacts::kMostGpus);
  for (int i = 0; i < facts.num_gpus; ++i) facts.gpus[static_cast<size_t>(i)] = gpu_facts(i);
  return facts;
}

}  // namespace weft
