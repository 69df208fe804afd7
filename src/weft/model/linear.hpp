#pragma once

#include <cstdint>

#include "weft/kernels/gemm.hpp"
#include "weft/model/parameter.hpp"

namespace weft::model {

/// Whether the bias is added by the product itself or later, in a bias-dropout-add (row-parallel
/// layers in Megatron: attention projection and fc2).
enum class BiasPlace : uint8_t { in_linear, skipped };

/// Where GELU in its tanh form stands beside a layer, which may then run in the layer's products:
/// after fc1, before fc2.
enum class GeluPlace : uint8_t { none, after, before };

/// y_TO = x_TI W_OI^T + b_O on parameters of a ParameterSet, which outlives the layer. Layers of
/// one weight run one after the other.
class Linear {
 public:
  Linear(const Stream& stream, int64_t tokens, Parameter& weight, Parameter* bias, BiasPlace place,
         GeluPlace gelu = GeluPlace::none);

  void forward(const kernels::Context& context, ConstTensorView x_TI, TensorView y_TO) const;
  /// z_TO as y_TO of forward, y_TO = GELU(z_TO).
  void forward_gelu(const kernels::Context& context, ConstTensorView x_TI, TensorView z_TO,
                    TensorView y_TO) const;
  /// dx_TI = dy_TO W_OI.
  void backward_input(const kernels::Context& context, ConstTensorView dy_TO,
                      TensorView dx_TI) const;
  /// dz_TI = (dy_TO W_OI) GELU'(z_TI) where x_TI = GELU(z_TI).
  void backward_input_gelu(const kernels::Context& context, ConstTensorView dy_TO,
                           ConstTensorView z_TI, TensorView dz_TI) const;
  /// Adds dy_TO^T x_TI to the weight's gradient, or writes it where that is stale, and adds the
  /// column sums of dy_TO to the bias's.
  void backward_weight(const kernels::Context& context, ConstTensorView dy_TO,
                       ConstTensorView x_TI) const;

  /// Sizes of a layer that is yet to be made.
  struct Sizes {
    int64_t tokens = 0;
    int64_t in = 0;
    int64_t out = 0;
    bool bias = false;  ///< whether the layer has one, wherever it is added
    DType dtype = DType::f32;
    BiasPlace place = BiasPlace::in_linear;
    GeluPlace gelu = GeluPlace::none;
  };
  static size_t workspace_bytes(const Stream& stream, const Sizes& sizes);
  /// Value of the bias, or an empty view.
  ConstTensorView bias_value() const;

 private:
  static kernels::LinearPlan plan_of(const Stream& stream, const Sizes& sizes);
  /// Value of the bias that the product adds, or an empty view.
  ConstTensorView added_bias() const;

  Parameter* weight_;
  Parameter* bias_;
  BiasPlace place_;
  kernels::LinearPlan plan_;
};

}  // namespace weft::model
