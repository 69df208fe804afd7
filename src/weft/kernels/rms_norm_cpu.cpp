#include "weft/kernels/rms_norm.hpp"

#include "weft/kernels/element_loops.hpp"
#include "weft/kernels/layer_norm_math.hpp"
#include "weft/kernels/rms_norm_math.hpp"
#include "weft/kernels/row_chunks.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

template <typename X, typename T>
void forward(ConstTensorView x_TH, ConstTensorView gamma_H, const NormConstants& constants,
             TensorView y_TH, TensorView rstd_T) {
  const int64_t hidden = x_TH.shape().last();
  const X* x_all = x_TH.data<X>();
  const T* gamma = gamma_H.data<T>();
  T* y_all = y_TH.data<T>();
  float* rstds = rstd_T.data<float>();
  const float size = static_cast<float>(hidden);
  const float epsilon = constants.epsilon;
  const float offset = constants.gamma_offset;
  parallel_rows(x_TH.shape().num_rows(), hidden, [=](int64_t token) {
    const X* x = x_all + token * hidden;
    const float square = row_sum(
                             hidden, [](float v) { return v * v; }, x) /
                         size;
    const RmsNormRow stats{reciprocal_deviation(square, epsilon)};
    map_row(
        hidden, y_all + token * hidden,
        [=](float v, float g) { return stats.output(v, g + offset); }, x, gamma);
    rstds[token] = stats.rstd;
  });
}

template <typename X, typename T>
void backward_input(ConstTensorView dy_TH, ConstTensorView x_TH, ConstTensorView gamma_H,
                    const NormConstants& constants, ConstTensorView rstd_T, bool accumulate,
                    TensorView dx_TH) {
  const int64_t hidden = x_TH.shape().last();
  const T* dy_all = dy_TH.data<T>();
  const X* x_all = x_TH.data<X>();
  const T* gamma = gamma_H.data<T>();
  const float* rstds = rstd_T.data<float>();
  X* dx_all = dx_TH.data<X>();
  const float size = static_cast<float>(hidden);
  const float offset = constants.gamma_offset;
  parallel_rows(x_TH.shape().num_rows(), hidden, [=](int64_t token) {
    const T* dy = dy_all + token * hidden;
    const X* x = x_all + token * hidden;
    const RmsNormRow stats{rstds[token]};
    const auto g = [=](float d, float gamma_i) { return d * (gamma_i + offset); };
    const auto g_xhat = [=](float d, float v, float gamma_i) {
      return g(d, gamma_i) * stats.normalized(v);
    };
    const float mean_g_xhat = row_sum(hidden, g_xhat, dy, x, gamma) / size;
    const auto gradient = [=](float d, float v, float gamma_i) {
      return stats.input_gradient(v, g(d, gamma_i), mean_g_xhat);
    };
    X* dx = dx_all + token * hidden;
    if (accumulate) {
      add_to_row(hidden, dx, gradient, dy, x, gamma);
    } else {
      map_row(hidden, dx, gradient, dy, x, gamma);
    }
  });
}

template <typename X, typename T>
void backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                     ConstTensorView rstd_T, TensorView dgamma_H) {
  const int64_t hidden = x_TH.shape().last();
  const int64_t tokens = x_TH.shape().num_rows();
  const T* dy_all = dy_TH.data<T>();
  const X* x_all = x_TH.data<X>();
  const float* rstds = rstd_T.data<float>();
  float* partials = reinterpret_cast<float*>(context.workspace.data());
  sum_row_chunks(tokens, hidden, partials, [=](int64_t token, float* sums) {
    const T* dy = dy_all + token * hidden;
    const X* x = x_all + token * hidden;
    const RmsNormRow stats{rstds[token]};
    add_to_row(
        hidden, sums, [=](float d, float v) { return d * stats.normalized(v); }, dy, x);
  });
  add_row_chunks(tokens, hidden, 0, hidden, partials, dgamma_H.data<float>());
}

}  // namespace

void rms_norm_forward(const Context& /*context*/, ConstTensorView x_TH, ConstTensorView gamma_H,
                      const NormConstants& constants, TensorView y_TH, TensorView rstd_T) {
  with_stream_type(x_TH.dtype(), y_TH.dtype(), [&]<typename X, typename T>(X, T) {
    forward<X, T>(x_TH, gamma_H, constants, y_TH, rstd_T);
  });
}

void rms_norm_backward_input(const Context& /*context*/, ConstTensorView dy_TH,
                             ConstTensorView x_TH, ConstTensorView gamma_H,
                             const NormConstants& constants, ConstTensorView rstd_T,
                             bool accumulate, TensorView dx_TH) {
  with_stream_type(x_TH.dtype(), dy_TH.dtype(), [&]<typename X, typename T>(X, T) {
    backward_input<X, T>(dy_TH, x_TH, gamma_H, constants, rstd_T, accumulate, dx_TH);
  });
}

void rms_norm_backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                              ConstTensorView rstd_T, TensorView dgamma_H) {
  with_stream_type(x_TH.dtype(), dy_TH.dtype(), [&]<typename X, typename T>(X, T) {
    backward_weight<X, T>(context, dy_TH, x_TH, rstd_T, dgamma_H);
  });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
