#pragma once

#include "weft/kernels/cross_entropy_math.hpp"
#include "weft/kernels/row_kernel.hpp"
#include "weft/kernels/row_softmax.hpp"

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

/// Overwrites a row of logits with (softmax - onehot(label)) * dloss. `label` lies outside of the
/// row where another rank holds it.
template <typename T, typename Block>
WEFT_HOST_DEVICE inline void differentiate_row(const Block& block, int64_t vocab, T* logits,
                                               int64_t label, SoftmaxSum row, float dloss) {
  constexpr int kPack = Block::kPack;
  const CrossEntropyRow stats{row.max, dloss / row.sum};
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
    differentiate_row(block, vocab, logits_TV + row * vocab, labels_T[row] - vocab_start,
                      SoftmaxSum{max_T[row], sum_exp_T[row]}, dloss_T[row]);
  }
};

/// cross_entropy of a whole vocabulary: one pass for the loss and, unless dloss_T is null, one for
/// the gradient in the place of the logits.
template <typename T>
struct CrossEntropyWholeRow {
  T* logits_TV;
  const int64_t* labels_T;
  const float* dloss_T;
  float* loss_T;
  int64_t vocab;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    T* logits = logits_TV + row * vocab;
    const int64_t label = labels_T[row];
    const bool has_label = label >= 0 && label < vocab;
    // Read before the block's threads meet in the sum, after which they overwrite it.
    const float of_label = has_label ? as_float(logits[label]) : 0.0F;
    const SoftmaxSum sum = block.row_softmax(vocab, static_cast<const T*>(logits));
    block.once(
        [&] { loss_T[row] = cross_entropy_of(has_label ? of_label - sum.max : 0.0F, sum.sum); });
    if (dloss_T != nullptr) differentiate_row(block, vocab, logits, label, sum, dloss_T[row]);
  }
};

/// cross_entropy_loss, elementwise.
struct CrossEntropyLoss {
  const float* predicted_T;
  const float* sum_exp_T;
  float* loss_T;

  template <int N>
  WEFT_HOST_DEVICE void pack(int64_t first) const {
    float result[N];
    map_pack<N>(
        first, result, [](float predicted, float sum) { return cross_entropy_of(predicted, sum); },
        predicted_T, sum_exp_T);
    store_pack<N>(loss_T, first, result);
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
