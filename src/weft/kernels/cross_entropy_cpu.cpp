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
  parallel_rows(logits_TV.shape().num_rows(), vocab, [=](int64_t token) {
    maxima[token] = load(row_max(vocab, logits + token * vocab));
  });
}

/// A token's logits; `label` lies outside of [0, vocab) where another rank holds it.
template <typename T>
struct Row {
  T* logits;
  int64_t vocab;
  int64_t label;

  bool has_label() const { return label >= 0 && label < vocab; }
};

template <typename T>
float predicted_in(const Row<const T>& row, float max) {
  return row.has_label() ? load(row.logits[row.label]) - max : 0.0F;
}

template <typename T>
float sum_exp_of(const Row<const T>& row, float max) {
  return row_sum(
      row.vocab, [=](float logit) { return math::exp(logit - max); }, row.logits);
}

/// Overwrites the logits with their gradient.
template <typename T>
void differentiate(const Row<T>& row, float max, float sum_exp, float dloss) {
  const CrossEntropyRow stats{max, dloss / sum_exp};
  // From the logit, not from what the loop stores: the label's gradient is rounded once too.
  const float label_gradient =
      row.has_label() ? stats.gradient(load(row.logits[row.label])) - dloss : 0.0F;
  map_row(
      row.vocab, row.logits, [=](float logit) { return stats.gradient(logit); }, row.logits);
  if (row.has_label()) row.logits[row.label] = store<T>(label_gradient);
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
    const Row<const T> row{logits + token * vocab, vocab, labels[token] - vocab_start};
    predicted[token] = predicted_in<T>(row, maxima[token]);
    sums[token] = sum_exp_of<T>(row, maxima[token]);
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
    const Row<T> row{logits + token * vocab, vocab, labels[token] - vocab_start};
    differentiate(row, maxima[token], sums[token], dlosses[token]);
  });
}

template <typename T>
void whole(TensorView logits_TV, ConstTensorView labels_T, ConstTensorView dloss_T,
           TensorView loss_T) {
  const int64_t vocab = logits_TV.shape().last();
  T* logits = logits_TV.data<T>();
  const int64_t* labels = labels_T.data<int64_t>();
  const float* dlosses = dloss_T.empty() ? nullptr : dloss_T.data<float>();
  float* losses = loss_T.data<float>();
  parallel_rows(logits_TV.shape().num_rows(), vocab, [=](int64_t token) {
    const Row<T> row{logits + token * vocab, vocab, labels[token]};
    const Row<const T> read{row.logits, vocab, row.label};
    const float max = load(row_max(vocab, read.logits));
    const float sum = sum_exp_of<T>(read, max);
    losses[token] = cross_entropy_of(predicted_in<T>(read, max), sum);
    if (dlosses != nullptr) differentiate(row, max, sum, dlosses[token]);
  });
}

}  // namespace

void cross_entropy(const Context& /*context*/, TensorView logits_TV, ConstTensorView labels_T,
                   ConstTensorView dloss_T, TensorView loss_T) {
  with_type(logits_TV.dtype(),
            [&]<typename T>(T) { whole<T>(logits_TV, labels_T, dloss_T, loss_T); });
}

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
