#include "weft/kernels/checks.hpp"
#include "weft/kernels/cross_entropy.hpp"
#include "weft/kernels/cross_entropy_math.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/parallel.hpp"

namespace weft::kernels {

void cross_entropy_max(const Context& /*context*/, ConstTensorView logits_TV, TensorView max_T) {
  const int64_t vocab = logits_TV.shape().last();
  const int64_t tokens = logits_TV.shape().num_rows();
  check_size("max_T", max_T, tokens);
  const float* logits = logits_TV.data<float>();
  float* maxima = max_T.data<float>();
  parallel_pieces(tokens, rows_per_piece(vocab), [=](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      maxima[token] = lane_max(logits + token * vocab, vocab);
    }
  });
}

void cross_entropy_sums(const Context& /*context*/, ConstTensorView logits_TV,
                        ConstTensorView labels_T, int64_t vocab_start, ConstTensorView max_T,
                        TensorView predicted_T, TensorView sum_exp_T) {
  const int64_t vocab = logits_TV.shape().last();
  const int64_t tokens = logits_TV.shape().num_rows();
  check_size("labels_T", labels_T, tokens, DType::i64);
  check_size("max_T", max_T, tokens);
  check_size("predicted_T", predicted_T, tokens);
  check_size("sum_exp_T", sum_exp_T, tokens);
  const float* logits = logits_TV.data<float>();
  const int64_t* labels = labels_T.data<int64_t>();
  const float* maxima = max_T.data<float>();
  float* predicted = predicted_T.data<float>();
  float* sums = sum_exp_T.data<float>();
  parallel_pieces(tokens, rows_per_piece(vocab), [=](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      const float* __restrict row = logits + token * vocab;
      const float max = maxima[token];
      const int64_t label = labels[token] - vocab_start;
      predicted[token] = label >= 0 && label < vocab ? row[label] - max : 0.0F;
      sums[token] = lane_sum<float>(vocab, [=](int64_t i) { return math::exp(row[i] - max); });
    }
  });
}

void cross_entropy_loss(const Context& /*context*/, ConstTensorView predicted_T,
                        ConstTensorView sum_exp_T, TensorView loss_T) {
  const int64_t tokens = predicted_T.num_elements();
  check_size("sum_exp_T", sum_exp_T, tokens);
  check_size("loss_T", loss_T, tokens);
  const float* predicted = predicted_T.data<float>();
  const float* sums = sum_exp_T.data<float>();
  float* loss = loss_T.data<float>();
  for (int64_t i = 0; i < tokens; ++i) loss[i] = cross_entropy_of(predicted[i], sums[i]);
}

void cross_entropy_backward(const Context& /*context*/, TensorView logits_TV,
                            ConstTensorView labels_T, int64_t vocab_start, ConstTensorView max_T,
                            ConstTensorView sum_exp_T, ConstTensorView dloss_T) {
  const int64_t vocab = logits_TV.shape().last();
  const int64_t tokens = logits_TV.shape().num_rows();
  check_size("labels_T", labels_T, tokens, DType::i64);
  check_size("max_T", max_T, tokens);
  check_size("sum_exp_T", sum_exp_T, tokens);
  check_size("dloss_T", dloss_T, tokens);
  float* logits = logits_TV.data<float>();
  const int64_t* labels = labels_T.data<int64_t>();
  const float* maxima = max_T.data<float>();
  const float* sums = sum_exp_T.data<float>();
  const float* dloss = dloss_T.data<float>();
  parallel_pieces(tokens, rows_per_piece(vocab), [=](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      float* __restrict row = logits + token * vocab;
      const CrossEntropyRow stats{maxima[token], dloss[token] / sums[token]};
      for (int64_t i = 0; i < vocab; ++i) row[i] = stats.gradient(row[i]);
      const int64_t label = labels[token] - vocab_start;
      if (label >= 0 && label < vocab) row[label] -= dloss[token];
    }
  });
}

}  // namespace weft::kernels
