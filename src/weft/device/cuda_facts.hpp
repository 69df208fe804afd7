#pragma once

#include <array>
#include <cstdint>
#include <string>

namespace weft {

/// A GPU as the CUDA runtime describes it.
struct GpuFacts {
  std::array<char, 128> name{};
  int compute_major = 0;
  int compute_minor = 0;
  int num_multiprocessors = 0;
  int64_t total_bytes = 0;
  int64_t free_bytes = 0;
};

/// What the CUDA backend finds at run time. Plain values, since they cross from a shared object.
/// Versions are as their libraries number them.
struct CudaFacts {
  static constexpr int kMostGpus = 16;

  int driver_version = 0;   ///< newest CUDA that the driver knows, 13000 for 13.0; 0: no driver
  int runtime_version = 0;  ///< 13000 for 13.0
  int64_t cublaslt_version = 0;     ///< 130100 for 13.1.0
  int64_t cudnn_version = 0;        ///< 91900 for 9.19.0
  int num_gpus = 0;                 ///< at most kMostGpus
  std::array<char, 256> failure{};  ///< what the runtime said when it could not look for GPUs
  std::array<GpuFacts, kMostGpus> gpus{};
};

/// Why GPU `index` cannot hold `bytes` and run the backend's kernels; empty when it can. The gates:
/// a driver at least as new as the runtime, cuBLASLt from 12.5, cuDNN from 9.10.2 (9.10.0
/// and 9.10.1 refuse attention that works; reference/cuda.md 2.2), compute capability 8.0.
std::string why_unusable(const CudaFacts& facts, int index, int64_t bytes);

/// "runtime 13.0, cuBLASLt 13.1.0, cuDNN 9.19.0"
std::string versions_text(const CudaFacts& facts);

}  // namespace weft
