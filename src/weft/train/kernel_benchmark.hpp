#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/device/compute_device.hpp"
#include "weft/model/microbatch.hpp"
#include "weft/model/model_config.hpp"

namespace weft::train {

/// One kernel at the sizes of a model's layer, beside what bounds it.
struct KernelRate {
  std::string name;
  double seconds = 0.0;   ///< median of one call
  double gb_per_s = 0.0;  ///< bytes that it must read and write; 0 for attention
  double gflops = 0.0;    ///< operations of attention; 0 for the others
  double limit = 0.0;     ///< memcpy's GB/s or the GFLOP/s of matrix products around it

  double share() const { return (gflops > 0.0 ? gflops : gb_per_s) / limit; }
};

/// Measures every kernel of a training step but the matrix products, at the sizes of `config` and
/// `shape` on the calling thread's number of threads, each beside memcpy of as many bytes or, for
/// attention, beside plain matrix products (weft bench gemm). A GPU's copy is that of its own
/// memory.
std::vector<KernelRate> benchmark_kernels(const model::ModelConfig& config,
                                          const model::MicrobatchShape& shape,
                                          const ComputeDevice& device = ComputeDevice());

}  // namespace weft::train
