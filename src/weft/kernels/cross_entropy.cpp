#include "weft/kernels/cross_entropy.hpp"

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/kernel_table.hpp"

namespace weft::kernels {

void cross_entropy(const Context& context, TensorView logits_TV, ConstTensorView labels_T,
                   ConstTensorView dloss_T, TensorView loss_T) {
  const TimedKernel timed(context.stream, "cross entropy");
  const int64_t tokens = logits_TV.shape().num_rows();
  check_element_type("logits_TV", logits_TV);
  check_size("labels_T", labels_T, tokens, DType::i64);
  if (!dloss_T.empty()) check_size("dloss_T", dloss_T, tokens);
  check_size("loss_T", loss_T, tokens);
  kernel_table(context.stream).cross_entropy(context, logits_TV, labels_T, dloss_T, loss_T);
}

void cross_entropy_max(const Context& context, ConstTensorView logits_TV, TensorView max_T) {
  const TimedKernel timed(context.stream, "cross entropy");
  check_element_type("logits_TV", logits_TV);
  check_size("max_T", max_T, logits_TV.shape().num_rows());
  kernel_table(context.stream).cross_entropy_max(context, logits_TV, max_T);
}

void cross_entropy_sums(const Context& context, ConstTensorView logits_TV, ConstTensorView labels_T,
                        int64_t vocab_start, ConstTensorView max_T, TensorView predicted_T,
                        TensorView sum_exp_T) {
  const TimedKernel timed(context.stream, "cross entropy");
  const int64_t tokens = logits_TV.shape().num_rows();
  check_element_type("logits_TV", logits_TV);
  check_size("labels_T", labels_T, tokens, DType::i64);
  check_size("max_T", max_T, tokens);
  check_size("predicted_T", predicted_T, tokens);
  check_size("sum_exp_T", sum_exp_T, tokens);
  kernel_table(context.stream)
      .cross_entropy_sums(context, logits_TV, labels_T, vocab_start, max_T, predicted_T, sum_exp_T);
}

void cross_entropy_loss(const Context& context, ConstTensorView predicted_T,
                        ConstTensorView sum_exp_T, TensorView loss_T) {
  const TimedKernel timed(context.stream, "cross entropy");
  const int64_t tokens = predicted_T.num_elements();
  check_size("predicted_T", predicted_T, tokens);
  check_size("sum_exp_T", sum_exp_T, tokens);
  check_size("loss_T", loss_T, tokens);
  kernel_table(context.stream).cross_entropy_loss(context, predicted_T, sum_exp_T, loss_T);
}

void cross_entropy_backward(const Context& context, TensorView logits_TV, ConstTensorView labels_T,
                            int64_t vocab_start, ConstTensorView max_T, ConstTensorView sum_exp_T,
                            ConstTensorView dloss_T) {
  const TimedKernel timed(context.stream, "cross entropy");
  const int64_t tokens = logits_TV.shape().num_rows();
  check_element_type("logits_TV", logits_TV);
  check_size("labels_T", labels_T, tokens, DType::i64);
  check_size("max_T", max_T, tokens);
  check_size("sum_exp_T", sum_exp_T, tokens);
  check_size("dloss_T", dloss_T, tokens);
  kernel_table(context.stream)
      .cross_entropy_backward(context, logits_TV, labels_T, vocab_start, max_T, sum_exp_T, dloss_T);
}

}  // namespace weft::kernels
