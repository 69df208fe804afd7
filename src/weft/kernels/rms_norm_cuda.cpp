#include "weft/kernels/rms_norm.hpp"

#include "weft/kernels/column_sum_cuda.cuh"
#include "weft/kernels/element.hpp"
#include "weft/kernels/kernel_queue.cuh"
#include "weft/kernels/norm_cuda.cuh"

namespace weft::kernels::cuda {

void rms_norm_forward(const Context& context, ConstTensorView x_TH, ConstTensorView gamma_H,
                      const NormConstants& constants, TensorView y_TH, TensorView rstd_T) {
  with_stream_type(x_TH.dtype(), y_TH.dtype(), [&]<typename X, typename T>(X, T) {
    const RmsNormForwardRow<T, X> kernel{.x_TH = x_TH.data<X>(),
                                         .gamma_H = gamma_H.data<T>(),
                                         .y_TH = y_TH.data<T>(),
                                         .rstd_T = rstd_T.data<float>(),
                                         .hidden = x_TH.shape().last(),
                                         .constants = constants};
    check_launch("rms_norm_forward",
                 run(queue_of(context.stream).get(), kernel, x_TH.shape().num_rows()));
  });
}

void rms_norm_backward_input(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                             ConstTensorView gamma_H, const NormConstants& constants,
                             ConstTensorView rstd_T, bool accumulate, TensorView dx_TH) {
  with_stream_type(x_TH.dtype(), dy_TH.dtype(), [&]<typename X, typename T>(X, T) {
    const RmsNormInputGradientRow<T, X> kernel{.dy_TH = dy_TH.data<T>(),
                                               .x_TH = x_TH.data<X>(),
                                               .gamma_H = gamma_H.data<T>(),
                                               .rstd_T = rstd_T.data<float>(),
                                               .dx_TH = dx_TH.data<X>(),
                                               .hidden = x_TH.shape().last(),
                                               .gamma_offset = constants.gamma_offset,
                                               .accumulate = accumulate};
    check_launch("rms_norm_backward_input",
                 run(queue_of(context.stream).get(), kernel, x_TH.shape().num_rows()));
  });
}

void rms_norm_backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                              ConstTensorView rstd_T, TensorView dgamma_H) {
  with_stream_type(x_TH.dtype(), dy_TH.dtype(), [&]<typename X, typename T>(X, T) {
    const ColumnChunks<RmsNormWeightTerm<T, X>> sums{
        .term = {.dy_TH = dy_TH.data<T>(), .x_TH = x_TH.data<X>(), .rstd_T = rstd_T.data<float>()},
        .partials = reinterpret_cast<float*>(context.workspace.data()),
        .rows = x_TH.shape().num_rows(),
        .columns = x_TH.shape().last()};
    check_launch("rms_norm_backward_weight",
                 run(queue_of(context.stream).get(), sums, {dgamma_H.data<float>()}));
  });
}

}  // namespace weft::kernels::cuda
