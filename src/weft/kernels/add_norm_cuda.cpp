#include "weft/kernels/add_norm.hpp"

#include "weft/kernels/add_norm_cuda.cuh"
#include "weft/kernels/element.hpp"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

namespace {

/// The first half of the kernel. samples_B is of device memory.
template <typename T, typename X>
DropoutRowKernel<T, X> rows_of(const BranchSum& sum) {
  return {.x_SBH = sum.x_SBH.data<T>(),
          .bias_H = sum.bias_H.empty() ? nullptr : sum.bias_H.data<T>(),
          .residual_SBH = sum.residual_SBH.data<X>(),
          .y_SBH = sum.sum_SBH.data<X>(),
          .samples_B = sum.dropout.active() ? sum.dropout.samples_B.data() : nullptr,
          .microbatch = sum.x_SBH.shape()[1],
          .hidden = sum.x_SBH.shape()[2],
          .key = sum.dropout.key,
          .threshold = sum.dropout.threshold,
          .scale = sum.dropout.scale};
}

template <typename T, typename X>
LayerNormForwardRow<T, X> layer_norm_of(const BranchSum& sum, const RowNorm& norm) {
  return {.x_TH = sum.sum_SBH.data<X>(),
          .gamma_H = norm.gamma_H.data<T>(),
          .beta_H = norm.beta_H.data<T>(),
          .y_TH = norm.y_TH.data<T>(),
          .mean_T = norm.mean_T.data<float>(),
          .rstd_T = norm.rstd_T.data<float>(),
          .hidden = sum.sum_SBH.shape()[2],
          .constants = norm.constants};
}

template <typename T, typename X>
RmsNormForwardRow<T, X> rms_norm_of(const BranchSum& sum, const RowNorm& norm) {
  return {.x_TH = sum.sum_SBH.data<X>(),
          .gamma_H = norm.gamma_H.data<T>(),
          .y_TH = norm.y_TH.data<T>(),
          .rstd_T = norm.rstd_T.data<float>(),
          .hidden = sum.sum_SBH.shape()[2],
          .constants = norm.constants};
}

}  // namespace

void add_norm_forward(const Context& context, const BranchSum& sum, const RowNorm& norm) {
  const auto launch = [&](const auto& kernel) {
    check_launch("add_norm_forward",
                 run(queue_of(context.stream).get(), kernel, sum.x_SBH.shape().num_rows()));
  };
  with_stream_type(sum.residual_SBH.dtype(), sum.x_SBH.dtype(), [&]<typename X, typename T>(X, T) {
    if (norm.beta_H.empty()) {
      launch(AddNormRow<T, X, RmsNormForwardRow>{.sum = rows_of<T, X>(sum),
                                                 .norm = rms_norm_of<T, X>(sum, norm)});
    } else {
      launch(AddNormRow<T, X, LayerNormForwardRow>{.sum = rows_of<T, X>(sum),
                                                   .norm = layer_norm_of<T, X>(sum, norm)});
    }
  });
}

}  // namespace weft::kernels::cuda
