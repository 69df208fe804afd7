#include "weft/kernels/cross_entropy.hpp"

#include "weft/kernels/cross_entropy_cuda.cuh"
#include "weft/kernels/element.hpp"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

void cross_entropy(const Context& context, TensorView logits_TV, ConstTensorView labels_T,
                   ConstTensorView dloss_T, TensorView loss_T) {
  with_type(logits_TV.dtype(), [&]<typename T>(T) {
    const CrossEntropyWholeRow<T> kernel{
        .logits_TV = logits_TV.data<T>(),
        .labels_T = labels_T.data<int64_t>(),
        .dloss_T = dloss_T.empty() ? nullptr : dloss_T.data<float>(),
        .loss_T = loss_T.data<float>(),
        .vocab = logits_TV.shape().last()};
    check_launch("cross_entropy",
                 run(queue_of(context.stream).get(), kernel, logits_TV.shape().num_rows()));
  });
}

void cross_entropy_max(const Context& context, ConstTensorView logits_TV, TensorView max_T) {
  with_type(logits_TV.dtype(), [&]<typename T>(T) {
    const CrossEntropyMaxRow<T> kernel{.logits_TV = logits_TV.data<T>(),
                                       .max_T = max_T.data<float>(),
                                       .vocab = logits_TV.shape().last()};
    check_launch("cross_entropy_max",
                 run(queue_of(context.stream).get(), kernel, logits_TV.shape().num_rows()));
  });
}

void cross_entropy_sums(const Context& context, ConstTensorView logits_TV, ConstTensorView labels_T,
                        int64_t vocab_start, ConstTensorView max_T, TensorView predicted_T,
                        TensorView sum_exp_T) {
  with_type(logits_TV.dtype(), [&]<typename T>(T) {
    const CrossEntropySumsRow<T> kernel{.logits_TV = logits_TV.data<T>(),
                                        .labels_T = labels_T.data<int64_t>(),
                                        .max_T = max_T.data<float>(),
                                        .predicted_T = predicted_T.data<float>(),
                                        .sum_exp_T = sum_exp_T.data<float>(),
                                        .vocab = logits_TV.shape().last(),
                                        .vocab_start = vocab_start};
    check_launch("cross_entropy_sums",
                 run(queue_of(context.stream).get(), kernel, logits_TV.shape().num_rows()));
  });
}

void cross_entropy_loss(const Context& context, ConstTensorView predicted_T,
                        ConstTensorView sum_exp_T, TensorView loss_T) {
  const CrossEntropyLoss kernel{.predicted_T = predicted_T.data<float>(),
                                .sum_exp_T = sum_exp_T.data<float>(),
                                .loss_T = loss_T.data<float>()};
  check_launch("cross_entropy_loss",
               run(queue_of(context.stream).get(), kernel, loss_T.num_elements()));
}

void cross_entropy_backward(const Context& context, TensorView logits_TV, ConstTensorView labels_T,
                            int64_t vocab_start, ConstTensorView max_T, ConstTensorView sum_exp_T,
                            ConstTensorView dloss_T) {
  with_type(logits_TV.dtype(), [&]<typename T>(T) {
    const CrossEntropyGradientRow<T> kernel{.logits_TV = logits_TV.data<T>(),
                                            .labels_T = labels_T.data<int64_t>(),
                                            .max_T = max_T.data<float>(),
                                            .sum_exp_T = sum_exp_T.data<float>(),
                                            .dloss_T = dloss_T.data<float>(),
                                            .vocab = logits_TV.shape().last(),
                                            .vocab_start = vocab_start};
    check_launch("cross_entropy_backward",
                 run(queue_of(context.stream).get(), kernel, logits_TV.shape().num_rows()));
  });
}

}  // namespace weft::kernels::cuda
