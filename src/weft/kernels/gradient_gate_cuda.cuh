#pragma once

#include <cuda_runtime_api.h>

#include "weft/kernels/gradient_gate.hpp"

namespace weft::kernels::cuda {

/// What gate_gradients (elementwise.hpp) does, for one thread.
struct GradientGateKernel {
  const double* sums;
  int64_t count;
  double loss_scale;
  double clip_grad;
  GradientGate* gate;
};

/// Enqueues it on `stream`; pointers are of device memory.
cudaError_t run(cudaStream_t stream, const GradientGateKernel& kernel);

}  // namespace weft::kernels::cuda
