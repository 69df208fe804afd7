#pragma once

#include "weft/kernels/context.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::kernels {

/// Cross entropy of one rank that holds the whole vocabulary: the loss of each token into loss_T
/// and, unless dloss_T is empty, the gradient (softmax - onehot(label)) * dloss_T in the place of
/// logits_TV. labels_T is i64. Gives the bits of the pieces below, but takes a row through all of
/// them while it is in the cache.
void cross_entropy(const Context& context, TensorView logits_TV, ConstTensorView labels_T,
                   ConstTensorView dloss_T, TensorView loss_T);

// Vocabulary-parallel cross entropy (reference/megatron.md 4.5) in the pieces between which ranks
// reduce: max over ranks of max_T, then sums over ranks of predicted_T and sum_exp_T.

/// max_T = maximum of each row of logits_TV.
void cross_entropy_max(const Context& context, ConstTensorView logits_TV, TensorView max_T);

/// predicted_T = logits[label] - max where the label lies in [vocab_start, vocab_start + V), else
/// 0; sum_exp_T = sum over the row of exp(logits - max). labels_T is i64; max_T is the global
/// maximum.
void cross_entropy_sums(const Context& context, ConstTensorView logits_TV, ConstTensorView labels_T,
                        int64_t vocab_start, ConstTensorView max_T, TensorView predicted_T,
                        TensorView sum_exp_T);

/// loss_T = log(sum_exp) - predicted.
void cross_entropy_loss(const Context& context, ConstTensorView predicted_T,
                        ConstTensorView sum_exp_T, TensorView loss_T);

/// Overwrites logits_TV with their gradient: (softmax - onehot(label)) * dloss_T.
void cross_entropy_backward(const Context& context, TensorView logits_TV, ConstTensorView labels_T,
                            int64_t vocab_start, ConstTensorView max_T, ConstTensorView sum_exp_T,
                            ConstTensorView dloss_T);

}  // namespace weft::kernels
