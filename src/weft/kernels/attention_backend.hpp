#pragma once

#include "weft/kernels/attention.hpp"

namespace weft::kernels {

/// What runs an AttentionPlan, which checks the arguments.
class AttentionBackend {
 public:
  virtual ~AttentionBackend() = default;
  virtual size_t workspace_bytes() const = 0;
  virtual void forward(const Context& context, const Dropout& dropout, ConstTensorView qkv_SBQ,
                       TensorView out_SBO, TensorView lse_BNS, ConstTensorView starts_BS) const = 0;
  virtual void backward(const Context& context, const Dropout& dropout, ConstTensorView dout_SBO,
                        ConstTensorView qkv_SBQ, ConstTensorView out_SBO, ConstTensorView lse_BNS,
                        TensorView dqkv_SBQ, ConstTensorView starts_BS) const = 0;
};

}  // namespace weft::kernels
