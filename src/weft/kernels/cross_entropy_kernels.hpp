#pragma once

#include "weft/kernels/cross_entropy_math.hpp"
#include "weft/kernels/row_kernel.hpp"

// Cross entropy of cross_entropy.hpp for GPU threads.

namespace weft::kernels::inline WEFT_ISA {

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

}  // namespace weft::kernels::inline WEFT_ISA
