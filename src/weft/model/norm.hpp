#pragma once

#include "weft/kernels/add_norm.hpp"
#include "weft/kernels/context.hpp"
#include "weft/kernels/norm_constants.hpp"
#include "weft/model/model_config.hpp"
#include "weft/model/parameter.hpp"
#include "weft/tensor/arena.hpp"

// Shape suffixes: T rows (tokens, or heads of tokens), H width of a row.

namespace weft::model {

/// LayerNorm or RMSNorm over the last dim, with what its backward passes need. An RMSNorm has
/// neither a beta nor a mean.
class Norm {
 public:
  /// Saved by forward.
  struct Activations {
    TensorView y_TH;
    TensorView mean_T;  ///< empty for an RMSNorm
    TensorView rstd_T;

    /// The statistics of `count` rows from row `first`, whose output lives in `y_RH`.
    Activations rows(int64_t first, int64_t count, TensorView y_RH) const;
  };

  /// The norm whose parameters are `name`.weight and, for a LayerNorm, `name`.bias.
  Norm(const ModelConfig& config, ParameterSet& parameters, const std::string& name);

  static Activations plan(Arena& arena, const ModelConfig& config, int64_t rows, int64_t width);
  /// As plan, for a norm whose output lives in `y_TH`.
  static Activations plan_statistics(Arena& arena, const ModelConfig& config, int64_t rows,
                                     TensorView y_TH);
  void forward(const kernels::Context& context, ConstTensorView x_TH,
               const Activations& saved) const;
  /// As forward for the rows that `sum` is to be written to, in one pass where the device can.
  void forward_of_sum(const kernels::Context& context, const kernels::BranchSum& sum,
                      const Activations& saved) const;
  /// dx_TH = gradient of the input; with `accumulate` it is added to what dx_TH holds, the gradient
  /// of the residual branch.
  void backward_input(const kernels::Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                      const Activations& saved, bool accumulate, TensorView dx_TH) const;
  /// Adds the gradients of gamma and beta.
  void backward_weight(const kernels::Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                       const Activations& saved) const;
  static size_t workspace_bytes(const ModelConfig& config, int64_t rows, int64_t width);

 private:
  Parameter* gamma_;
  Parameter* beta_;  ///< null for an RMSNorm
  kernels::NormConstants constants_;
};

}  // namespace weft::model
