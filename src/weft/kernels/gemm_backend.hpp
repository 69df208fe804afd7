#pragma once

#include "weft/kernels/gemm.hpp"

namespace weft::kernels {

/// What runs a GemmPlan, which checks the arguments of `run`.
class GemmBackend {
 public:
  virtual ~GemmBackend() = default;
  virtual size_t workspace_bytes() const = 0;
  virtual void run(const Context& context, ConstTensorView a, ConstTensorView b, TensorView c,
                   const EpilogueTensors& tensors) const = 0;
};

}  // namespace weft::kernels
