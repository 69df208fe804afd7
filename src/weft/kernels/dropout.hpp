#pragma once

#include <cstdint>
#include <span>

#include "weft/base/philox.hpp"
#include "weft/kernels/context.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::kernels {

/// Places where dropout is applied.
enum class DropoutSite : uint8_t { embedding, attention, attention_output, mlp_output };

/// A dropout mask that is never stored: whether an element is kept depends on (seed, layer, site,
/// global sample index, element index within the sample) alone, so that forward and backward, and
/// every layout and order, see the same mask.
///
/// Element e of sample s is kept when word e % 4 of philox block (key, counter(e / 4, s)) is at
/// least `threshold`; kept elements are multiplied by `scale` = 1 / (1 - rate).
struct Dropout {
  /// Rate 0: everything is kept and nothing is drawn.
  Dropout() = default;
  /// `rate` in [0, 1); `layer` is the global layer number, 0 for the embedding; `samples` holds the
  /// global sample index of each microbatch row and outlives the Dropout.
  Dropout(double rate, uint64_t seed, int64_t layer, DropoutSite site,
          std::span<const int64_t> samples);

  bool active() const { return threshold != 0; }

  philox::Key key;
  uint32_t threshold = 0;
  float scale = 1.0F;
  std::span<const int64_t> samples_B;
};

/// y_SBH = dropout(x_SBH); element index within a sample is s * H + h. x and y may be the same. x
/// may be of f32 and y of 16 bits: the gradient of the residual stream on its way into a branch.
void dropout_forward(const Context& context, const Dropout& dropout, ConstTensorView x_SBH,
                     TensorView y_SBH);

/// dx_SBH = mask * scale * dy_SBH. dy and dx may be the same.
void dropout_backward(const Context& context, const Dropout& dropout, ConstTensorView dy_SBH,
                      TensorView dx_SBH);

/// y_SBH = residual_SBH + dropout(x_SBH + bias_H). `bias_H` may be empty; y may be residual or x.
/// Residual and y are of one type, that of x or f32.
void bias_dropout_add_forward(const Context& context, const Dropout& dropout, ConstTensorView x_SBH,
                              ConstTensorView bias_H, ConstTensorView residual_SBH,
                              TensorView y_SBH);

/// Throws Error{internal} unless these are arguments of bias_dropout_add_forward.
void check_branch_sum(const Dropout& dropout, const ConstTensorView& x_SBH,
                      const ConstTensorView& bias_H, const ConstTensorView& residual_SBH,
                      const ConstTensorView& y_SBH);

}  // namespace weft::kernels
