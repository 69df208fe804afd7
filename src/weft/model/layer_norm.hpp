#pragma once

#include "weft/kernels/context.hpp"
#include "weft/model/parameter.hpp"
#include "weft/tensor/arena.hpp"

namespace weft::model {

/// LayerNorm over the hidden dim, with what its backward passes need.
class LayerNorm {
 public:
  /// Saved by forward.
  struct Activations {
    TensorView y_TH;
    TensorView mean_T;
    TensorView rstd_T;
  };

  LayerNorm(Parameter& gamma, Parameter& beta, float epsilon);

  static Activations plan(Arena& arena, int64_t tokens, int64_t hidden);
  void forward(const kernels::Context& context, ConstTensorView x_TH,
               const Activations& saved) const;
  /// dx_TH = gradient of the input; with `accumulate` it is added to what dx_TH holds, the gradient
  /// of the residual branch.
  void backward_input(const kernels::Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                      const Activations& saved, bool accumulate, TensorView dx_TH) const;
  /// Adds the gradients of gamma and beta.
  void backward_weight(const kernels::Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                       const Activations& saved) const;
  size_t workspace_bytes(int64_t tokens) const;

 private:
  Parameter* gamma_;
  Parameter* beta_;
  float epsilon_;
};

}  // namespace weft::model
