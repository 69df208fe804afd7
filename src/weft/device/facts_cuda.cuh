#pragma once

#include "weft/device/cuda_facts.hpp"

namespace weft {

/// Looks for the driver, the libraries and the GPUs. Does not throw.
CudaFacts cuda_facts();

/// Bytes of GPU `index` that are free; 0 when the runtime does not say.
int64_t free_gpu_bytes(int index);

}  // namespace weft
