#include "weft/device/cuda_facts.hpp"

#include <fmt/format.h>

namespace weft {

namespace {

constexpr int64_t kOldestCublasLt = 120500;
constexpr int64_t kOldestCudnn = 91002;

/// CUDA numbers 13.0 as 13000.
std::string cuda_version(int version) {
  return fmt::format("{}.{}", version / 1000, version % 1000 / 10);
}

std::string cublaslt_version(int64_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

std::string cudnn_version(int64_t version) {
  return fmt::format("{}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

double gigabytes(int64_t bytes) { return static_cast<double>(bytes) / 0x1p30; }

/// Why the machine as a whole has no GPU to offer.
std::string why_none(const CudaFacts& facts) {
  if (facts.driver_version == 0) return "there is no NVIDIA driver (libcuda.so.1)";
  if (facts.driver_version < facts.runtime_version) {
    return fmt::format("the NVIDIA driver is too old: it knows CUDA {}, this build needs {}",
                       cuda_version(facts.driver_version), cuda_version(facts.runtime_version));
  }
  if (facts.cublaslt_version < kOldestCublasLt) {
    return fmt::format("cuBLASLt is too old (got {}, expected at least {})",
                       cublaslt_version(facts.cublaslt_version), cublaslt_version(kOldestCublasLt));
  }
  if (facts.cudnn_version < kOldestCudnn) {
    return fmt::format("cuDNN is too old (got {}, expected at least {})",
                       cudnn_version(facts.cudnn_version), cudnn_version(kOldestCudnn));
  }
  if (facts.failure[0] != '\0') return fmt::format("CUDA says: {}", facts.failure.data());
  if (facts.num_gpus == 0) return "the machine has no NVIDIA GPU";
  return {};
}

}  // namespace

std::string why_unusable(const CudaFacts& facts, int index, int64_t bytes) {
  std::string none = why_none(facts);
  if (!none.empty()) return none;
  if (index < 0 || index >= facts.num_gpus) {
    return fmt::format("there is no GPU {} (got {} GPU(s), numbered from 0)", index,
                       facts.num_gpus);
  }
  const GpuFacts& gpu = facts.gpus[static_cast<size_t>(index)];
  if (gpu.compute_major < 8) {
    return fmt::format("{} is too old (got compute capability {}.{}, expected at least 8.0)",
                       gpu.name.data(), gpu.compute_major, gpu.compute_minor);
  }
  if (gpu.free_bytes < bytes) {
    return fmt::format("{} has too little memory (got {:.1f} GiB free of {:.1f}, expected {:.1f})",
                       gpu.name.data(), gigabytes(gpu.free_bytes), gigabytes(gpu.total_bytes),
                       gigabytes(bytes));
  }
  return {};
}

std::string versions_text(const CudaFacts& facts) {
  return fmt::format("runtime {}, cuBLASLt {}, cuDNN {}", cuda_version(facts.runtime_version),
                     cublaslt_version(facts.cublaslt_version), cudnn_version(facts.cudnn_version));
}

}  // namespace weft
