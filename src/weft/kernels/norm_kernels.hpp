#pragma once

#include "weft/kernels/layer_norm_math.hpp"
#include "weft/kernels/norm_constants.hpp"
#include "weft/kernels/rms_norm_math.hpp"
#include "weft/kernels/row_kernel.hpp"

// Norms of layer_norm.hpp and rms_norm.hpp for GPU threads; the sums over rows are in
// column_kernels.hpp. X is the type of the residual stream: T, or f32 beside a 16-bit T.

namespace weft::kernels::inline WEFT_ISA {

/// layer_norm_forward (layer_norm.hpp).
template <typename T, typename X = T>
struct LayerNormForwardRow {
  const X* x_TH;
  const T* gamma_H;
  const T* beta_H;
  T* y_TH;
  float* mean_T;
  float* rstd_T;
  int64_t hidden;
  NormConstants constants;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    normalize(block, row, block.hold(hidden, x_TH + row * hidden));
  }

  /// As for x_TH, whose row is `x`.
  WEFT_ANY_BLOCK
  template <typename Block, typename Row>
  WEFT_HOST_DEVICE void normalize(const Block& block, int64_t row, const Row& x) const {
    const auto size = static_cast<float>(hidden);
    const float mean = block.row_sum(
                           hidden, [](float v) { return v; }, x) /
                       size;
    const float variance = block.row_sum(
                               hidden, [=](float v) { return (v - mean) * (v - mean); }, x) /
                           size;
    const LayerNormRow stats{mean, reciprocal_deviation(variance, constants.epsilon)};
    const float offset = constants.gamma_offset;
    block.map_row(
        hidden, y_TH + row * hidden,
        [=](float v, float g, float b) { return stats.output(v, g + offset, b); }, x, gamma_H,
        beta_H);
    block.once([&] {
      mean_T[row] = stats.mean;
      rstd_T[row] = stats.rstd;
    });
  }
};

/// layer_norm_backward_input.
template <typename T, typename X = T>
struct LayerNormInputGradientRow {
  const T* dy_TH;
  const X* x_TH;
  const T* gamma_H;
  const float* mean_T;
  const float* rstd_T;
  X* dx_TH;
  int64_t hidden;
  float gamma_offset;
  bool accumulate;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    if (accumulate) {
      const auto before = block.hold(hidden, static_cast<const X*>(dx_TH + row * hidden));
      differentiate(
          block, row, [](float g, float b) { return b + g; }, before);
    } else {
      differentiate(block, row, [](float g) { return g; });
    }
  }

 private:
  /// dx of a row = finish(gradient, element of each of `more`).
  WEFT_ANY_BLOCK
  template <typename Block, typename Finish, typename... More>
  WEFT_HOST_DEVICE void differentiate(const Block& block, int64_t row, const Finish& finish,
                                      const More&... more) const {
    const auto dy = block.hold(hidden, dy_TH + row * hidden);
    const auto x = block.hold(hidden, x_TH + row * hidden);
    const LayerNormRow stats{mean_T[row], rstd_T[row]};
    const auto size = static_cast<float>(hidden);
    const float offset = gamma_offset;
    // The means of g and of g xhat.
    const FloatPair sums = block.template row_sum<FloatPair>(
        hidden,
        [=](float d, float g, float v) {
          return FloatPair{d * (g + offset), d * (g + offset) * stats.normalized(v)};
        },
        dy, gamma_H, x);
    const FloatPair means{sums.first / size, sums.second / size};
    block.map_row(
        hidden, dx_TH + row * hidden,
        [=](float d, float g, float v, auto... before) {
          return finish(stats.input_gradient(v, d * (g + offset), means.first, means.second),
                        before...);
        },
        dy, gamma_H, x, more...);
  }
};

/// rms_norm_forward (rms_norm.hpp).
template <typename T, typename X = T>
struct RmsNormForwardRow {
  const X* x_TH;
  const T* gamma_H;
  T* y_TH;
  float* rstd_T;
  int64_t hidden;
  NormConstants constants;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    normalize(block, row, block.hold(hidden, x_TH + row * hidden));
  }

  /// As for x_TH, whose row is `x`.
  WEFT_ANY_BLOCK
  template <typename Block, typename Row>
  WEFT_HOST_DEVICE void normalize(const Block& block, int64_t row, const Row& x) const {
    const float mean_square = block.row_sum(
                                  hidden, [](float v) { return v * v; }, x) /
                              static_cast<float>(hidden);
    const RmsNormRow stats{reciprocal_deviation(mean_square, constants.epsilon)};
    const float offset = constants.gamma_offset;
    block.map_row(
        hidden, y_TH + row * hidden, [=](float v, float g) { return stats.output(v, g + offset); },
        x, gamma_H);
    block.once([&] { rstd_T[row] = stats.rstd; });
  }
};

/// rms_norm_backward_input.
template <typename T, typename X = T>
struct RmsNormInputGradientRow {
  const T* dy_TH;
  const X* x_TH;
  const T* gamma_H;
  const float* rstd_T;
  X* dx_TH;
  int64_t hidden;
  float gamma_offset;
  bool accumulate;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    if (accumulate) {
      const auto before = block.hold(hidden, static_cast<const X*>(dx_TH + row * hidden));
      differentiate(
          block, row, [](float g, float b) { return b + g; }, before);
    } else {
      differentiate(block, row, [](float g) { return g; });
    }
  }

 private:
  /// dx of a row = finish(gradient, element of each of `more`).
  WEFT_ANY_BLOCK
  template <typename Block, typename Finish, typename... More>
  WEFT_HOST_DEVICE void differentiate(const Block& block, int64_t row, const Finish& finish,
                                      const More&... more) const {
    const auto dy = block.hold(hidden, dy_TH + row * hidden);
    const auto x = block.hold(hidden, x_TH + row * hidden);
    const RmsNormRow stats{rstd_T[row]};
    const float offset = gamma_offset;
    const float mean_g_xhat =
        block.row_sum(
            hidden,
            [=](float d, float g, float v) { return d * (g + offset) * stats.normalized(v); }, dy,
            gamma_H, x) /
        static_cast<float>(hidden);
    block.map_row(
        hidden, dx_TH + row * hidden,
        [=](float d, float g, float v, auto... before) {
          return finish(stats.input_gradient(v, d * (g + offset), mean_g_xhat), before...);
        },
        dy, gamma_H, x, more...);
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
