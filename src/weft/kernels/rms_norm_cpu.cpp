#include "weft/kernels/rms_norm.hpp"

#include "weft/kernels/element_loops.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/layer_norm_math.hpp"
#include "weft/kernels/rms_norm_math.hpp"
#include "weft/kernels/row_chunks.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

template <typename T>
void forward(ConstTensorView x_TH, ConstTensorView gamma_H, const NormConstants& constants,
             TensorView y_TH, TensorView rstd_T) {
  const int64_t hidden = x_TH.shape().last();
  const T* x_all = x_TH.data<T>();
  const T* gamma = gamma_H.data<T>();
  T* y_all = y_TH.data<T>();
  float* rstds = rstd_T.data<float>();
  const float size = static_cast<float>(hidden);
  const float epsilon = constants.epsilon;
  const float offset = constants.gamma_offset;
  parallel_rows(x_TH.shape().num_rows(), hidden, [=](int64_t token) {
    const T* x = x_all + token * hidden;
    const auto square = [=](int64_t i) { return load(x[i]) * load(x[i]); };
    const RmsNormRow stats{reciprocal_deviation(lane_sum<float>(hidden, square) / size, epsilon)};
    store_row(hidden, y_all + token * hidden,
              [=](int64_t i) { return stats.output(load(x[i]), load(gamma[i]) + offset); });
    rstds[token] = stats.rstd;
  });
}

template <typename T>
void backward_input(ConstTensorView dy_TH, ConstTensorView x_TH, ConstTensorView gamma_H,
                    const NormConstants& constants, ConstTensorView rstd_T, bool accumulate,
                    TensorView dx_TH) {
  const int64_t hidden = x_TH.shape().last();
  const T* dy_all = dy_TH.data<T>();
  const T* x_all = x_TH.data<T>();
  const T* gamma = gamma_H.data<T>();
  const float* rstds = rstd_T.data<float>();
  T* dx_all = dx_TH.data<T>();
  const float size = static_cast<float>(hidden);
  const float offset = constants.gamma_offset;
  parallel_rows(x_TH.shape().num_rows(), hidden, [=](int64_t token) {
    const T* dy = dy_all + token * hidden;
    const T* x = x_all + token * hidden;
    const RmsNormRow stats{rstds[token]};
    const auto g = [=](int64_t i) { return load(dy[i]) * (load(gamma[i]) + offset); };
    const auto g_xhat = [=](int64_t i) { return g(i) * stats.normalized(load(x[i])); };
    const float mean_g_xhat = lane_sum<float>(hidden, g_xhat) / size;
    store_row(hidden, accumulate, dx_all + token * hidden,
              [=](int64_t i) { return stats.input_gradient(load(x[i]), g(i), mean_g_xhat); });
  });
}

template <typename T>
void backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                     ConstTensorView rstd_T, TensorView dgamma_H) {
  const int64_t hidden = x_TH.shape().last();
  const int64_t tokens = x_TH.shape().num_rows();
  const T* dy_all = dy_TH.data<T>();
  const T* x_all = x_TH.data<T>();
  const float* rstds = rstd_T.data<float>();
  float* partials = reinterpret_cast<float*>(context.workspace.data());
  sum_row_chunks(tokens, hidden, partials, [=](int64_t token, float* sums) {
    const T* dy = dy_all + token * hidden;
    const T* x = x_all + token * hidden;
    const RmsNormRow stats{rstds[token]};
    store_row(hidden, true, sums,
              [=](int64_t i) { return load(dy[i]) * stats.normalized(load(x[i])); });
  });
  add_row_chunks(tokens, hidden, 0, hidden, partials, dgamma_H.data<float>());
}

}  // namespace

void rms_norm_forward(const Context& /*context*/, ConstTensorView x_TH, ConstTensorView gamma_H,
                      const NormConstants& constants, TensorView y_TH, TensorView rstd_T) {
  with_type(x_TH.dtype(),
            [&]<typename T>(T) { forward<T>(x_TH, gamma_H, constants, y_TH, rstd_T); });
}

void rms_norm_backward_input(const Context& /*context*/, ConstTensorView dy_TH,
                             ConstTensorView x_TH, ConstTensorView gamma_H,
                             const NormConstants& constants, ConstTensorView rstd_T,
                             bool accumulate, TensorView dx_TH) {
  with_type(x_TH.dtype(), [&]<typename T>(T) {
    backward_input<T>(dy_TH, x_TH, gamma_H, constants, rstd_T, accumulate, dx_TH);
  });
}

void rms_norm_backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                              ConstTensorView rstd_T, TensorView dgamma_H) {
  with_type(x_TH.dtype(),
            [&]<typename T>(T) { backward_weight<T>(context, dy_TH, x_TH, rstd_T, dgamma_H); });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
