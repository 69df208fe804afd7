#include "weft/kernels/checks.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/layer_norm_math.hpp"
#include "weft/kernels/parallel.hpp"
#include "weft/kernels/row_chunks.hpp"

namespace weft::kernels {

void layer_norm_forward(const Context& /*context*/, ConstTensorView x_TH, ConstTensorView gamma_H,
                        ConstTensorView beta_H, const NormConstants& constants, TensorView y_TH,
                        TensorView mean_T, TensorView rstd_T) {
  const int64_t hidden = x_TH.shape().last();
  const int64_t tokens = x_TH.shape().num_rows();
  check_size("gamma_H", gamma_H, hidden);
  check_size("beta_H", beta_H, hidden);
  check_size("y_TH", y_TH, tokens * hidden);
  check_size("mean_T", mean_T, tokens);
  check_size("rstd_T", rstd_T, tokens);
  const float* x = x_TH.data<float>();
  const float* __restrict gamma = gamma_H.data<float>();
  const float* __restrict beta = beta_H.data<float>();
  float* y = y_TH.data<float>();
  float* __restrict means = mean_T.data<float>();
  float* __restrict rstds = rstd_T.data<float>();
  const float size = static_cast<float>(hidden);
  const float epsilon = constants.epsilon;
  const float offset = constants.gamma_offset;
  parallel_pieces(tokens, rows_per_piece(hidden), [=](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      const float* row = x + token * hidden;
      const float mean = lane_sum<float>(hidden, [=](int64_t i) { return row[i]; }) / size;
      const float variance = lane_sum<float>(hidden,
                                             [=](int64_t i) {
                                               const float centred = row[i] - mean;
                                               return centred * centred;
                                             }) /
                             size;
      const LayerNormRow stats{mean, reciprocal_deviation(variance, epsilon)};
      float* out = y + token * hidden;
#pragma GCC ivdep
      for (int64_t i = 0; i < hidden; ++i)
        out[i] = stats.output(row[i], gamma[i] + offset, beta[i]);
      means[token] = stats.mean;
      rstds[token] = stats.rstd;
    }
  });
}

void layer_norm_backward_input(const Context& /*context*/, ConstTensorView dy_TH,
                               ConstTensorView x_TH, ConstTensorView gamma_H,
                               const NormConstants& constants, ConstTensorView mean_T,
                               ConstTensorView rstd_T, bool accumulate, TensorView dx_TH) {
  const int64_t hidden = x_TH.shape().last();
  const int64_t tokens = x_TH.shape().num_rows();
  check_size("dy_TH", dy_TH, tokens * hidden);
  check_size("gamma_H", gamma_H, hidden);
  check_size("mean_T", mean_T, tokens);
  check_size("rstd_T", rstd_T, tokens);
  check_size("dx_TH", dx_TH, tokens * hidden);
  const float* dy_all = dy_TH.data<float>();
  const float* x_all = x_TH.data<float>();
  const float* __restrict gamma = gamma_H.data<float>();
  const float* __restrict means = mean_T.data<float>();
  const float* __restrict rstds = rstd_T.data<float>();
  float* dx_all = dx_TH.data<float>();
  const float size = static_cast<float>(hidden);
  const float offset = constants.gamma_offset;
  parallel_pieces(tokens, rows_per_piece(hidden), [=](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      const float* dy = dy_all + token * hidden;
      const float* x = x_all + token * hidden;
      float* dx = dx_all + token * hidden;
      const LayerNormRow stats{means[token], rstds[token]};
      const float mean_g =
          lane_sum<float>(hidden, [=](int64_t i) { return dy[i] * (gamma[i] + offset); }) / size;
      const float mean_g_xhat =
          lane_sum<float>(
              hidden,
              [=](int64_t i) { return dy[i] * (gamma[i] + offset) * stats.normalized(x[i]); }) /
          size;
      if (accumulate) {
#pragma GCC ivdep
        for (int64_t i = 0; i < hidden; ++i) {
          dx[i] += stats.input_gradient(x[i], dy[i] * (gamma[i] + offset), mean_g, mean_g_xhat);
        }
      } else {
#pragma GCC ivdep
        for (int64_t i = 0; i < hidden; ++i) {
          dx[i] = stats.input_gradient(x[i], dy[i] * (gamma[i] + offset), mean_g, mean_g_xhat);
        }
      }
    }
  });
}

size_t layer_norm_backward_weight_workspace(int64_t tokens, int64_t hidden) {
  return row_chunk_bytes(tokens, 2 * hidden);
}

void layer_norm_backward_weight(const Context& context, ConstTensorView dy_TH, ConstTensorView x_TH,
                                ConstTensorView mean_T, ConstTensorView rstd_T, TensorView dgamma_H,
                                TensorView dbeta_H) {
  const int64_t hidden = x_TH.shape().last();
  const int64_t tokens = x_TH.shape().num_rows();
  check_size("dy_TH", dy_TH, tokens * hidden);
  check_size("mean_T", mean_T, tokens);
  check_size("rstd_T", rstd_T, tokens);
  check_size("dgamma_H", dgamma_H, hidden);
  check_size("dbeta_H", dbeta_H, hidden);
  check_workspace("layer_norm_backward_weight", context,
                  layer_norm_backward_weight_workspace(tokens, hidden));
  const float* dy_all = dy_TH.data<float>();
  const float* x_all = x_TH.data<float>();
  const float* means = mean_T.data<float>();
  const float* rstds = rstd_T.data<float>();
  float* partials = reinterpret_cast<float*>(context.workspace.data());
  sum_row_chunks(tokens, 2 * hidden, partials, [=](int64_t token, float* sums) {
    const float* __restrict dy = dy_all + token * hidden;
    const float* __restrict x = x_all + token * hidden;
    const LayerNormRow stats{means[token], rstds[token]};
    float* __restrict dgamma = sums;
    float* __restrict dbeta = sums + hidden;
    for (int64_t i = 0; i < hidden; ++i) dgamma[i] += dy[i] * stats.normalized(x[i]);
    for (int64_t i = 0; i < hidden; ++i) dbeta[i] += dy[i];
  });
  add_row_chunks(tokens, 2 * hidden, 0, hidden, partials, dgamma_H.data<float>());
  add_row_chunks(tokens, 2 * hidden, hidden, hidden, partials, dbeta_H.data<float>());
}

}  // namespace weft::kernels
