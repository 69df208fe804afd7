#pragma once

#include "weft/device/cuda_facts.hpp"

namespace weft {

/// Looks for the driver, the libraries and the GPUs. Does not throw.
CudaFacts cuda_facts();

}  // namespace weft
