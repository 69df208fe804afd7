#include "weft/kernels/dropout.hpp"

#include <algorithm>
#include <cmath>

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/kernel_table.hpp"

namespace weft::kernels {

Dropout::Dropout(double rate, uint64_t seed, int64_t layer, DropoutSite site,
                 std::span<const int64_t> samples)
    : key(philox::indexed_key(seed, static_cast<uint64_t>(layer), static_cast<uint64_t>(site))),
      samples_B(samples) {
  if (!(rate >= 0.0 && rate < 1.0)) {
    fail_with_hint(ErrorKind::usage, "--hidden-dropout, --attention-dropout",
                   "dropout rate {}; expected at least 0 and below 1", rate);
  }
  threshold = static_cast<uint32_t>(std::min(std::nearbyint(rate * 0x1p32), 0x1p32 - 1.0));
  scale = active() ? static_cast<float>(1.0 / (1.0 - rate)) : 1.0F;
}

namespace {

void check_rows(const Dropout& dropout, const ConstTensorView& x_SBH) {
  check_element_type("x_SBH", x_SBH);
  check(x_SBH.shape().num_dims() == 3, ErrorKind::internal, "dropout of {}; expected [S, B, H]",
        to_string(x_SBH.shape()));
  check(!dropout.active() || dropout.samples_B.size() == static_cast<size_t>(x_SBH.shape()[1]),
        ErrorKind::internal, "dropout knows {} samples; the microbatch has {}",
        dropout.samples_B.size(), x_SBH.shape()[1]);
}

}  // namespace

void check_branch_sum(const Dropout& dropout, const ConstTensorView& x_SBH,
                      const ConstTensorView& bias_H, const ConstTensorView& residual_SBH,
                      const ConstTensorView& y_SBH) {
  check_rows(dropout, x_SBH);
  check_stream_type("residual_SBH", residual_SBH, x_SBH.dtype());
  check_tensor("residual_SBH", residual_SBH, x_SBH.shape(), residual_SBH.dtype());
  check_tensor("y_SBH", y_SBH, x_SBH.shape(), residual_SBH.dtype());
  if (!bias_H.empty()) check_size("bias_H", bias_H, x_SBH.shape()[2], x_SBH.dtype());
}

void dropout_forward(const Context& context, const Dropout& dropout, ConstTensorView x_SBH,
                     TensorView y_SBH) {
  const TimedKernel timed(context.stream, "dropout");
  check_rows(dropout, x_SBH);
  check_element_type("y_SBH", y_SBH);
  check_stream_type("x_SBH", x_SBH, y_SBH.dtype());
  check_tensor("y_SBH", y_SBH, x_SBH.shape(), y_SBH.dtype());
  kernel_table(context.stream).dropout_forward(context, dropout, x_SBH, y_SBH);
}

void dropout_backward(const Context& context, const Dropout& dropout, ConstTensorView dy_SBH,
                      TensorView dx_SBH) {
  // The derivative of a multiplication by a mask is the same multiplication.
  dropout_forward(context, dropout, dy_SBH, dx_SBH);
}

void bias_dropout_add_forward(const Context& context, const Dropout& dropout, ConstTensorView x_SBH,
                              ConstTensorView bias_H, ConstTensorView residual_SBH,
                              TensorView y_SBH) {
  const TimedKernel timed(context.stream, "bias, dropout, residual");
  check_branch_sum(dropout, x_SBH, bias_H, residual_SBH, y_SBH);
  kernel_table(context.stream)
      .bias_dropout_add_forward(context, dropout, x_SBH, bias_H, residual_SBH, y_SBH);
}

}  // namespace weft::kernels
