#include "weft/kernels/cross_entropy.hpp"

#include "weft/kernels/cross_entropy_math.hpp"
#include "weft/kernels/element_loops.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

template <typename T>
void max(ConstTensorView logits_TV, TensorView max_T) {
  const int64_t vocab = logits_TV.shape().last();
  const T* logits = logits_TV.data<T>();
  float* maxima = max_T.data<float>();
  parallel_rows(logits_TV.shape().num_rows(), vocab,
                [=](int64_t token) { maxima[token] = row_max(vocab, logits + token * vocab); });
}

template <typename T>
void sums(ConstTensorView logits_TV, ConstTensorView labels_T, int64_t vocab_start,
          ConstTensorView max_T, TensorView predicted_T, TensorView sum_exp_T) {
  const int64_t vocab = logits_TV.shape().last();
  const T* logits = logits_TV.data<T>();
  const int64_t* labels = labels_T.data<int64_t>();
  const float* maxima = max_T.data<float>();
  float* predicted = predicted_T.data<float>();
  float* sums = sum_exp_T.data<float>();
  parallel_rows(logits_TV.shape().num_rows(), vocab, [=](int64_t token) {
    const T* row = logits + token * vocab;
    const float max = maxima[token];
    const int64_t label = labels[token] - vocab_start;
    predicted[token] = label >= 0 && label < vocab ? load(row[label]) - max : 0.0F;
    sums[token] = row_sum(
        vocab, [=](float logit) { return math::exp(logit - max); }, row);
  });
}

template <typename T>
void backward(TensorView logits_TV, ConstTensorView labels_T, int64_t vocab_start,
              ConstTensorView max_T, ConstTensorView sum_exp_T, ConstTensorView dloss_T) {
  const int64_t vocab = logits_TV.shape().last();
  T* logits = logits_TV.data<T>();
  const int64_t* labels = labels_T.data<int64_t>();
  const float* maxima = max_T.data<float>();
  const float* sums = sum_exp_T.data<float>();
  const float* dlosses = dloss_T.data<float>();
  parallel_rows(logits_TV.shape().num_rows(), vocab, [=](int64_t token) {
    T* row = logits + token * vocab;
    const float dloss = dlosses[token];
    const CrossEntropyRow stats{maxima[token], dloss / sums[token]};
    const int64_t label = labels[token] - vocab_start;
    const bool has_label = label >= 0 && label < vocab;
    // From the logit, not from what the loop stores: the label's gradient is rounded once too.
    const float label_gradient = has_label ? stats.gradient(load(row[label])) - dloss : 0.0F;
    map_row(
        vocab, row, [=](float logit) { return stats.gradient(logit); }, row);
    if (has_label) row[label] = store<T>(label_gradient);
  });
}

}  // namespace

void cross_entropy_max(const Context& /*context*/, ConstTensorView logits_TV, TensorView max_T) {
  with_type(logits_TV.dtype(), [&]<typename T>(T) { max<T>(logits_TV, max_T); });
}

void cross_entropy_sums(const Context& /*context*/, ConstTensorView logits_TV,
                        ConstTensorView labels_T, int64_t vocab_start, ConstTensorView max_T,
                        TensorView predicted_T, TensorView sum_exp_T) {
  with_type(logits_TV.dtype(), [&]<typename T>(T) {
    sums<T>(logits_TV, labels_T, vocab_start, max_T, predicted_T, sum_exp_T);
  });
}

void cross_entropy_loss(const Context& /*context*/, ConstTensorView predicted_T,
                        ConstTensorView sum_exp_T, TensorView loss_T) {
  map_row(
      predicted_T.num_elements(), loss_T.data<float>(),
      [](float predicted, float sum) { return cross_entropy_of(predicted, sum); },
      predicted_T.data<float>(), sum_exp_T.data<float>());
}

void cross_entropy_backward(const Context& /*context*/, TensorView logits_TV,
                            ConstTensorView labels_T, int64_t vocab_start, ConstTensorView max_T,
                            ConstTensorView sum_exp_T, ConstTensorView dloss_T) {
  with_type(logits_TV.dtype(), [&]<typename T>(T) {
    backward<T>(logits_TV, labels_T, vocab_start, max_T, sum_exp_T, dloss_T);
  });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
