#include "weft/model/qk_norm.hpp"

#include <algorithm>

#include "weft/model/gpt_parameters.hpp"

namespace weft::model {

using kernels::Context;
using kernels::HeadPart;

QkNorm::QkNorm(const ModelConfig& config, int64_t layer, ParameterSet& parameters)
    : layout_(config.head_layout()),
      queries_(config, parameters, layer_parameter(layer, "self_attention.q_layernorm")),
      keys_(config, parameters, layer_parameter(layer, "self_attention.k_layernorm")) {}

QkNorm::HeadRows QkNorm::plan_rows(Arena& arena, const ModelConfig& config,
                                   const MicrobatchShape& shape) {
  const kernels::HeadLayout layout = config.head_layout();
  const auto take = [&](HeadPart part) {
    return arena.take({num_head_rows(layout, part, shape.tokens()), layout.head_dim}, config.dtype);
  };
  const TensorView queries_RD = take(HeadPart::queries);
  return {.queries_RD = queries_RD, .keys_RD = take(HeadPart::keys)};
}

QkNorm::Activations QkNorm::plan_activations(Arena& arena, const ModelConfig& config,
                                             const MicrobatchShape& shape) {
  const HeadRows input = plan_rows(arena, config, shape);
  const auto statistics = [&](const TensorView& rows_RD) {
    return Norm::plan_statistics(arena, config, rows_RD.shape()[0], {});
  };
  const Norm::Activations queries = statistics(input.queries_RD);
  return {.input = input, .queries = queries, .keys = statistics(input.keys_RD)};
}

void QkNorm::forward(const Context& context, TensorView qkv_TQ, const Activations& saved,
                     const HeadRows& scratch) const {
  const auto normalize = [&](HeadPart part, const Norm& norm, TensorView input_RD,
                             Norm::Activations statistics, TensorView output_RD) {
    gather_heads(context, layout_, part, qkv_TQ, input_RD);
    statistics.y_TH = output_RD;
    norm.forward(context, input_RD, statistics);
    scatter_heads(context, layout_, part, output_RD, qkv_TQ);
  };
  normalize(HeadPart::queries, queries_, saved.input.queries_RD, saved.queries, scratch.queries_RD);
  normalize(HeadPart::keys, keys_, saved.input.keys_RD, saved.keys, scratch.keys_RD);
}

void QkNorm::backward_input(const Context& context, TensorView dqkv_TQ, const Activations& saved,
                            const HeadRows& gradients, const HeadRows& scratch) const {
  const auto differentiate = [&](HeadPart part, const Norm& norm, ConstTensorView input_RD,
                                 const Norm::Activations& statistics, TensorView dy_RD,
                                 TensorView dx_RD) {
    gather_heads(context, layout_, part, dqkv_TQ, dy_RD);
    norm.backward_input(context, dy_RD, input_RD, statistics, /*accumulate=*/false, dx_RD);
    scatter_heads(context, layout_, part, dx_RD, dqkv_TQ);
  };
  differentiate(HeadPart::queries, queries_, saved.input.queries_RD, saved.queries,
                gradients.queries_RD, scratch.queries_RD);
  differentiate(HeadPart::keys, keys_, saved.input.keys_RD, saved.keys, gradients.keys_RD,
                scratch.keys_RD);
}

void QkNorm::backward_weight(const Context& context, const Activations& saved,
                             const HeadRows& gradients) const {
  queries_.backward_weight(context, gradients.queries_RD, saved.input.queries_RD, saved.queries);
  keys_.backward_weight(context, gradients.keys_RD, saved.input.keys_RD, saved.keys);
}

size_t QkNorm::workspace_bytes(const ModelConfig& config, const MicrobatchShape& shape) {
  const kernels::HeadLayout layout = config.head_layout();
  const int64_t rows = std::max(num_head_rows(layout, HeadPart::queries, shape.tokens()),
                                num_head_rows(layout, HeadPart::keys, shape.tokens()));
  return Norm::workspace_bytes(config, rows, layout.head_dim);
}

}  // namespace weft::model
