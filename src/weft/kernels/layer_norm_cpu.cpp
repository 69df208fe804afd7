#include "weft/kernels/element.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/layer_norm_math.hpp"
#include "weft/kernels/parallel.hpp"
#include "weft/kernels/row_chunks.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

template <typename T>
void forward(ConstTensorView x_TH, ConstTensorView gamma_H, ConstTensorView beta_H,
             const NormConstants& constants, TensorView y_TH, TensorView mean_T,
             TensorView rstd_T) {
  const int64_t hidden = x_TH.shape().last();
  const int64_t tokens = x_TH.shape().num_rows();
  const T* x = x_TH.data<T>();
  const T* __restrict gamma = gamma_H.data<T>();
  const T* __restrict beta = beta_H.data<T>();
  T* y = y_TH.data<T>();
  float* __restrict means = mean_T.data<float>();
  float* __restrict rstds = rstd_T.data<float>();
  const float size = static_cast<float>(hidden);
  const float epsilon = constants.epsilon;
  const float offset = constants.gamma_offset;
  parallel_pieces(tokens, rows_per_piece(hidden), [=](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      const T* row = x + token * hidden;
      const float mean = lane_sum<float>(hidden, [=](int64_t i) { return load(row[i]); }) / size;
      const float variance = lane_sum<float>(hidden,
                                             [=](int64_t i) {
                                               const float centred = load(row[i]) - mean;
                                               return centred * centred;
                                             }) /
                             size;
      const LayerNormRow stats{mean, reciprocal_deviation(variance, epsilon)};
      T* out = y + token * hidden;
#pragma GCC ivdep
      for (int64_t i = 0; i < hidden; ++i) {
        out[i] = store<T>(stats.output(load(row[i]), load(gamma[i]) + offset, load(beta[i])));
      }
      means[token] = stats.mean;
      rstds[token] = stats.rstd;
    }
  });
}

template <typename T>
void backward_input(ConstTensorView dy_TH, ConstTensorView x_TH, ConstTensorView gamma_H,
                    const NormConstants& constants, ConstTensorView mean_T, ConstTensorView rstd_T,
                    bool accumulate, TensorView dx_TH) {
  const int64_t hidden = x_TH.shape().last();
  const int64_t tokens = x_TH.shape().num_rows();
  const T* dy_all = dy_TH.data<T>();
  const T* x_all = x_TH.data<T>();
  const T* __restrict gamma = gamma_H.data<T>();
  const float* __restrict means = mean_T.data<float>();
  const float* __restrict rstds = rstd_T.data<float>();
  T* dx_all = dx_TH.data<T>();
  const float size = static_cast<float>(hidden);
  const float offset = constants.gamma_offset;
  parallel_pieces(tokens, rows_per_piece(hidden), [=](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      const T* dy = dy_all + token * hidden;
      const T* x = x_all + token * hidden;
      T* dx = dx_all + token * hidden;
      const LayerNormRow stats{means[token], rstds[token]};
      const auto g = [=](int64_t i) { return load(dy[i]) * (load(gamma[i]) + offset); };
      const auto g_xhat = [=](int64_t i) { return g(i) * stats.normalized(load(x[i])); };
      const float mean_g = lane_sum<float>(hidden, g) / size;
      const float mean_g_xhat = lane_sum<float>(hidden, g_xhat) / size;
      const auto gradient = [=](int64_t i) {
        return stats.input_gradient(load(x[i]), g(i), mean_g, mean_g_xhat);
      };
      if (accumulate) {
#pragma GCC ivdep
        for (int64_t i = 0; i < hidden; ++i) dx[i] = store<T>(load(dx[i]) + gradient(i));
      } else {
#pragma GCC ivdep
        for (int64_t i = 0; i < hidden; ++i) dx[i] = store<T>(gradient(i));
      }
    }
  });
}

template <typename T>
void backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                     ConstTensorView mean_T, ConstTensorView rstd_T, TensorView dgamma_H,
                     TensorView dbeta_H) {
  const int64_t hidden = x_TH.shape().last();
  const int64_t tokens = x_TH.shape().num_rows();
  const T* dy_all = dy_TH.data<T>();
  const T* x_all = x_TH.data<T>();
  const float* means = mean_T.data<float>();
  const float* rstds = rstd_T.data<float>();
  float* partials = reinterpret_cast<float*>(context.workspace.data());
  sum_row_chunks(tokens, 2 * hidden, partials, [=](int64_t token, float* sums) {
    const T* __restrict dy = dy_all + token * hidden;
    const T* __restrict x = x_all + token * hidden;
    const LayerNormRow stats{means[token], rstds[token]};
    float* __restrict dgamma = sums;
    float* __restrict dbeta = sums + hidden;
    for (int64_t i = 0; i < hidden; ++i) dgamma[i] += load(dy[i]) * stats.normalized(load(x[i]));
    for (int64_t i = 0; i < hidden; ++i) dbeta[i] += load(dy[i]);
  });
  add_row_chunks(tokens, 2 * hidden, 0, hidden, partials, dgamma_H.data<float>());
  add_row_chunks(tokens, 2 * hidden, hidden, hidden, partials, dbeta_H.data<float>());
}

}  // namespace

void layer_norm_forward(const Context& /*context*/, ConstTensorView x_TH, ConstTensorView gamma_H,
                        ConstTensorView beta_H, const NormConstants& constants, TensorView y_TH,
                        TensorView mean_T, TensorView rstd_T) {
  with_type(x_TH.dtype(), [&]<typename T>(T) {
    forward<T>(x_TH, gamma_H, beta_H, constants, y_TH, mean_T, rstd_T);
  });
}

void layer_norm_backward_input(const Context& /*context*/, ConstTensorView dy_TH,
                               ConstTensorView x_TH, ConstTensorView gamma_H,
                               const NormConstants& constants, ConstTensorView mean_T,
                               ConstTensorView rstd_T, bool accumulate, TensorView dx_TH) {
  with_type(x_TH.dtype(), [&]<typename T>(T) {
    backward_input<T>(dy_TH, x_TH, gamma_H, constants, mean_T, rstd_T, accumulate, dx_TH);
  });
}

void layer_norm_backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                                ConstTensorView mean_T, ConstTensorView rstd_T, TensorView dgamma_H,
                                TensorView dbeta_H) {
  with_type(x_TH.dtype(), [&]<typename T>(T) {
    backward_weight<T>(context, dy_TH, x_TH, mean_T, rstd_T, dgamma_H, dbeta_H);
  });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
