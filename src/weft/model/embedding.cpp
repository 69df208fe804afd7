#include "weft/model/embedding.hpp"

#include <algorithm>

#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/embedding.hpp"

namespace weft::model {

Embedding::Embedding(Parameter& word, Parameter* position, bool separate_lookup,
                     MemoryResource& memory)
    : word_(&word),
      position_(position),
      separate_(separate_lookup),
      lookup_grad_VH_(separate_lookup ? word.shape : Shape{0}, DType::f32, memory) {}

void Embedding::forward(const kernels::Context& context, ConstTensorView tokens_BS,
                        ConstTensorView positions_BS, const DropoutRates& rates,
                        std::span<const int64_t> sample_ids_B, TensorView x_SBH) const {
  const ConstTensorView table_PH = position_ == nullptr ? ConstTensorView() : position_->value;
  kernels::embedding_forward(context, word_->value, table_PH, tokens_BS, positions_BS, x_SBH);
  const kernels::Dropout dropout = rates.at(0, kernels::DropoutSite::embedding, sample_ids_B);
  if (dropout.active()) kernels::dropout_forward(context, dropout, x_SBH, x_SBH);
}

void Embedding::backward_input(const kernels::Context& context, const DropoutRates& rates,
                               std::span<const int64_t> sample_ids_B, TensorView dx_SBH) const {
  const kernels::Dropout dropout = rates.at(0, kernels::DropoutSite::embedding, sample_ids_B);
  if (dropout.active()) kernels::dropout_backward(context, dropout, dx_SBH, dx_SBH);
}

void Embedding::backward_weight(const kernels::Context& context, ConstTensorView tokens_BS,
                                ConstTensorView positions_BS, ConstTensorView dx_SBH) {
  const TensorView word_grad_VH = separate_ ? lookup_grad_VH_.view() : word_->grad;
  kernels::embedding_backward(context, dx_SBH, tokens_BS, word_grad_VH);
  if (position_ == nullptr) return;
  kernels::embedding_backward(context, dx_SBH, positions_BS, position_->grad);
}

size_t Embedding::workspace_bytes(const Stream& stream, const ModelConfig& config,
                                  const MicrobatchShape& shape) {
  const int64_t rows = std::max(config.vocab_size, config.max_position_embeddings);
  return kernels::embedding_backward_workspace(stream, shape.tokens(), rows);
}

void Embedding::zero_gradients(const kernels::Context& context) {
  if (separate_) kernels::fill_zero(context, lookup_grad_VH_);
}

void Embedding::finalize(const kernels::Context& context) {
  if (separate_) kernels::add(context, lookup_grad_VH_, word_->grad);
}

}  // namespace weft::model
