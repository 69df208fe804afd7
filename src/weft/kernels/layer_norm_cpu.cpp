#include "weft/kernels/layer_norm.hpp"

#include "weft/kernels/element_loops.hpp"
#include "weft/kernels/layer_norm_math.hpp"
#include "weft/kernels/row_chunks.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

template <typename X, typename T>
void forward(ConstTensorView x_TH, ConstTensorView gamma_H, ConstTensorView beta_H,
             const NormConstants& constants, TensorView y_TH, TensorView mean_T,
             TensorView rstd_T) {
  const int64_t hidden = x_TH.shape().last();
  const X* x_all = x_TH.data<X>();
  const T* gamma = gamma_H.data<T>();
  const T* beta = beta_H.data<T>();
  T* y_all = y_TH.data<T>();
  float* means = mean_T.data<float>();
  float* rstds = rstd_T.data<float>();
  const float size = static_cast<float>(hidden);
  const float epsilon = constants.epsilon;
  const float offset = constants.gamma_offset;
  parallel_rows(x_TH.shape().num_rows(), hidden, [=](int64_t token) {
    const X* x = x_all + token * hidden;
    const float mean = row_sum(
                           hidden, [](float v) { return v; }, x) /
                       size;
    const auto square = [=](float v) { return (v - mean) * (v - mean); };
    const float variance = row_sum(hidden, square, x) / size;
    const LayerNormRow stats{mean, reciprocal_deviation(variance, epsilon)};
    map_row(
        hidden, y_all + token * hidden,
        [=](float v, float g, float b) { return stats.output(v, g + offset, b); }, x, gamma, beta);
    means[token] = stats.mean;
    rstds[token] = stats.rstd;
  });
}

template <typename X, typename T>
void backward_input(ConstTensorView dy_TH, ConstTensorView x_TH, ConstTensorView gamma_H,
                    const NormConstants& constants, ConstTensorView mean_T, ConstTensorView rstd_T,
                    bool accumulate, TensorView dx_TH) {
  const int64_t hidden = x_TH.shape().last();
  const T* dy_all = dy_TH.data<T>();
  const X* x_all = x_TH.data<X>();
  const T* gamma = gamma_H.data<T>();
  const float* means = mean_T.data<float>();
  const float* rstds = rstd_T.data<float>();
  X* dx_all = dx_TH.data<X>();
  const float size = static_cast<float>(hidden);
  const float offset = constants.gamma_offset;
  parallel_rows(x_TH.shape().num_rows(), hidden, [=](int64_t token) {
    const T* dy = dy_all + token * hidden;
    const X* x = x_all + token * hidden;
    const LayerNormRow stats{means[token], rstds[token]};
    const auto g = [=](float d, float gamma_i) { return d * (gamma_i + offset); };
    const auto terms = [=](float d, float v, float gamma_i) {
      return FloatPair{g(d, gamma_i), g(d, gamma_i) * stats.normalized(v)};
    };
    const FloatPair sums = row_sum_pair(hidden, terms, dy, x, gamma);
    const float mean_g = sums.first / size;
    const float mean_g_xhat = sums.second / size;
    const auto gradient = [=](float d, float v, float gamma_i) {
      return stats.input_gradient(v, g(d, gamma_i), mean_g, mean_g_xhat);
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
                     ConstTensorView mean_T, ConstTensorView rstd_T, TensorView dgamma_H,
                     TensorView dbeta_H) {
  const int64_t hidden = x_TH.shape().last();
  const int64_t tokens = x_TH.shape().num_rows();
  const T* dy_all = dy_TH.data<T>();
  const X* x_all = x_TH.data<X>();
  const float* means = mean_T.data<float>();
  const float* rstds = rstd_T.data<float>();
  float* partials = reinterpret_cast<float*>(context.workspace.data());
  sum_row_chunks(tokens, 2 * hidden, partials, [=](int64_t token, float* sums) {
    const T* dy = dy_all + token * hidden;
    const X* x = x_all + token * hidden;
    const LayerNormRow stats{means[token], rstds[token]};
    float* dbeta = sums + hidden;
    map_row_to_two(
        hidden, sums, dbeta,
        [=](float dgamma_i, float dbeta_i, float d, float v) {
          return FloatPair{dgamma_i + d * stats.normalized(v), dbeta_i + d};
        },
        sums, dbeta, dy, x);
  });
  add_row_chunks(tokens, 2 * hidden, 0, hidden, partials, dgamma_H.data<float>());
  add_row_chunks(tokens, 2 * hidden, hidden, hidden, partials, dbeta_H.data<float>());
}

}  // namespace

void layer_norm_forward(const Context& /*context*/, ConstTensorView x_TH, ConstTensorView gamma_H,
                        ConstTensorView beta_H, const NormConstants& constants, TensorView y_TH,
                        TensorView mean_T, TensorView rstd_T) {
  with_stream_type(x_TH.dtype(), y_TH.dtype(), [&]<typename X, typename T>(X, T) {
    forward<X, T>(x_TH, gamma_H, beta_H, constants, y_TH, mean_T, rstd_T);
  });
}

void layer_norm_backward_input(const Context& /*context*/, ConstTensorView dy_TH,
                               ConstTensorView x_TH, ConstTensorView gamma_H,
                               const NormConstants& constants, ConstTensorView mean_T,
                               ConstTensorView rstd_T, bool accumulate, TensorView dx_TH) {
  with_stream_type(x_TH.dtype(), dy_TH.dtype(), [&]<typename X, typename T>(X, T) {
    backward_input<X, T>(dy_TH, x_TH, gamma_H, constants, mean_T, rstd_T, accumulate, dx_TH);
  });
}

void layer_norm_backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                                ConstTensorView mean_T, ConstTensorView rstd_T, TensorView dgamma_H,
                                TensorView dbeta_H) {
  with_stream_type(x_TH.dtype(), dy_TH.dtype(), [&]<typename X, typename T>(X, T) {
    backward_weight<X, T>(context, dy_TH, x_TH, mean_T, rstd_T, dgamma_H, dbeta_H);
  });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
