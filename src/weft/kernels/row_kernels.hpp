#pragma once

#include "weft/kernels/cross_entropy_math.hpp"
#include "weft/kernels/layer_norm_math.hpp"
#include "weft/kernels/norm_constants.hpp"
#include "weft/kernels/packs.hpp"
#include "weft/kernels/rms_norm_math.hpp"

// Kernels that a block of GPU threads runs once per row. `Block` is the block: its threads share
// `map_row`, `row_sum`, `row_max` and `each_pack`; `once` runs in one of them. On the host a test
// plays the block (reference/cuda.md 1.3). Sums are f32: each thread adds its packs in order, then
// the threads are folded in halves, so a row's bits depend on the block's size alone.

#if defined(__CUDACC__)
// A kernel is host and device code, its block may be either alone.
#define WEFT_ANY_BLOCK _Pragma("nv_exec_check_disable")
#else
#define WEFT_ANY_BLOCK
#endif

namespace weft::kernels::inline WEFT_ISA {

/// layer_norm_forward (layer_norm.hpp).
template <typename T>
struct LayerNormForwardRow {
  const T* x_TH;
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
    const T* x = x_TH + row * hidden;
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
template <typename T>
struct LayerNormInputGradientRow {
  const T* dy_TH;
  const T* x_TH;
  const T* gamma_H;
  const float* mean_T;
  const float* rstd_T;
  T* dx_TH;
  int64_t hidden;
  float gamma_offset;
  bool accumulate;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    const T* dy = dy_TH + row * hidden;
    const T* x = x_TH + row * hidden;
    T* dx = dx_TH + row * hidden;
    const LayerNormRow stats{mean_T[row], rstd_T[row]};
    const auto size = static_cast<float>(hidden);
    const float offset = gamma_offset;
    const float mean_g =
        block.row_sum(
            hidden, [=](float d, float g) { return d * (g + offset); }, dy, gamma_H) /
        size;
    const float mean_g_xhat =
        block.row_sum(
            hidden,
            [=](float d, float g, float v) { return d * (g + offset) * stats.normalized(v); }, dy,
            gamma_H, x) /
        size;
    const auto gradient = [=](float d, float g, float v) {
      return stats.input_gradient(v, d * (g + offset), mean_g, mean_g_xhat);
    };
    if (accumulate) {
      block.map_row(
          hidden, dx,
          [=](float before, float d, float g, float v) { return before + gradient(d, g, v); },
          static_cast<const T*>(dx), dy, gamma_H, x);
    } else {
      block.map_row(hidden, dx, gradient, dy, gamma_H, x);
    }
  }
};

/// rms_norm_forward (rms_norm.hpp).
template <typename T>
struct RmsNormForwardRow {
  const T* x_TH;
  const T* gamma_H;
  T* y_TH;
  float* rstd_T;
  int64_t hidden;
  NormConstants constants;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    const T* x = x_TH + row * hidden;
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
template <typename T>
struct RmsNormInputGradientRow {
  const T* dy_TH;
  const T* x_TH;
  const T* gamma_H;
  const float* rstd_T;
  T* dx_TH;
  int64_t hidden;
  float gamma_offset;
  bool accumulate;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    const T* dy = dy_TH + row * hidden;
    const T* x = x_TH + row * hidden;
    T* dx = dx_TH + row * hidden;
    const RmsNormRow stats{rstd_T[row]};
    const float offset = gamma_offset;
    const float mean_g_xhat =
        block.row_sum(
            hidden,
            [=](float d, float g, float v) { return d * (g + offset) * stats.normalized(v); }, dy,
            gamma_H, x) /
        static_cast<float>(hidden);
    const auto gradient = [=](float d, float g, float v) {
      return stats.input_gradient(v, d * (g + offset), mean_g_xhat);
    };
    if (accumulate) {
      block.map_row(
          hidden, dx,
          [=](float before, float d, float g, float v) { return before + gradient(d, g, v); },
          static_cast<const T*>(dx), dy, gamma_H, x);
    } else {
      block.map_row(hidden, dx, gradient, dy, gamma_H, x);
    }
  }
};

/// cross_entropy_max (cross_entropy.hpp).
template <typename T>
struct CrossEntropyMaxRow {
  const T* logits_TV;
  float* max_T;
  int64_t vocab;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    const float largest = block.row_max(vocab, logits_TV + row * vocab);
    block.once([&] { max_T[row] = largest; });
  }
};

/// cross_entropy_sums.
template <typename T>
struct CrossEntropySumsRow {
  const T* logits_TV;
  const int64_t* labels_T;
  const float* max_T;
  float* predicted_T;
  float* sum_exp_T;
  int64_t vocab;
  int64_t vocab_start;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    const T* logits = logits_TV + row * vocab;
    const float max = max_T[row];
    const float sum = block.row_sum(
        vocab, [=](float logit) { return math::exp(logit - max); }, logits);
    block.once([&] {
      const int64_t label = labels_T[row] - vocab_start;
      const bool has_label = label >= 0 && label < vocab;
      predicted_T[row] = has_label ? as_float(logits[label]) - max : 0.0F;
      sum_exp_T[row] = sum;
    });
  }
};

/// cross_entropy_backward, in place.
template <typename T>
struct CrossEntropyGradientRow {
  T* logits_TV;
  const int64_t* labels_T;
  const float* max_T;
  const float* sum_exp_T;
  const float* dloss_T;
  int64_t vocab;
  int64_t vocab_start;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    constexpr int kPack = Block::kPack;
    T* logits = logits_TV + row * vocab;
    const float dloss = dloss_T[row];
    const CrossEntropyRow stats{max_T[row], dloss / sum_exp_T[row]};
    const int64_t label = labels_T[row] - vocab_start;
    block.each_pack(vocab, [&](int64_t first) {
      float values[kPack];
      load_pack<kPack>(static_cast<const T*>(logits), first, values);
      for (int i = 0; i < kPack; ++i) {
        values[i] = stats.gradient(values[i]);
        if (first + i == label) values[i] -= dloss;
      }
      store_pack<kPack>(logits, first, values);
    });
  }
};

/// dropout_forward and bias_dropout_add_forward (dropout.hpp): y = residual + dropout(x + bias),
/// where bias and residual may be null.
template <typename T>
struct DropoutRowKernel {
  const T* x_SBH;
  const T* bias_H;
  const T* residual_SBH;
  T* y_SBH;
  const int64_t* samples_B;  ///< null when nothing is dropped
  int64_t microbatch;
  int64_t hidden;
  philox::Key key;
  uint32_t threshold;
  float scale;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    const int64_t offset = row * hidden;
    DropoutRow factors{.key = key, .threshold = threshold, .scale = scale};
    if (threshold != 0) factors.sample = static_cast<uint64_t>(samples_B[row % microbatch]);
    factors.first_element = static_cast<uint64_t>(row / microbatch * hidden);
    const auto masked = [](float value, float factor) {
      // A dropped element is 0 even when it is not finite.
      return factor == 0.0F ? 0.0F : value * factor;
    };
    const T* x = x_SBH + offset;
    const T* residual = residual_SBH + offset;
    if (residual_SBH == nullptr) {
      block.map_row(
          hidden, y_SBH + offset, [=](float v, float f) { return masked(v, f); }, x, factors);
    } else if (bias_H == nullptr) {
      block.map_row(
          hidden, y_SBH + offset, [=](float v, float f, float r) { return r + masked(v, f); }, x,
          factors, residual);
    } else {
      block.map_row(
          hidden, y_SBH + offset,
          [=](float v, float f, float r, float b) { return r + masked(v + b, f); }, x, factors,
          residual, bias_H);
    }
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
