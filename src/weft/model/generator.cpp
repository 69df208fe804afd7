#include "weft/model/generator.hpp"

#include <algorithm>

#include "weft/base/error.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/model/gpt_parameters.hpp"

namespace weft::model {

struct Generator::Pass {
  Pass(Stream& stream, const ModelConfig& config, int64_t num_tokens, ParameterSet& parameters,
       const RotaryEmbedding& rotary, MemoryResource& memory_resource)
      : shape{.sequence = num_tokens, .samples = 1},
        embedding(parameters.at(kWordEmbeddings), parameters.find(kPositionEmbeddings), false,
                  memory_resource),
        head(stream, config, {.sequence = 1, .samples = 1}, parameters),
        context{stream, {}} {
    for (int64_t layer = 0; layer < config.num_layers; ++layer) {
      layers.emplace_back(stream, config, shape, layer, parameters,
                          TransformerLayer::Shared{.attention = nullptr, .rotary = &rotary});
    }
    Arena plan;
    lay_out(stream, plan, config);
    memory = Buffer(plan.used_bytes(), memory_resource);
    Arena arena(memory.data(), memory.size_bytes());
    lay_out(stream, arena, config);

    workspace =
        Buffer(std::max(TransformerLayer::workspace_bytes(stream, config, shape, false),
                        OutputHead::workspace_bytes(stream, config, {.sequence = 1, .samples = 1})),
               memory_resource);
    context.workspace = {workspace.data(), workspace.size_bytes()};
  }

  void lay_out(const Stream& stream, Arena& arena, const ModelConfig& config) {
    tokens_S = arena.take({1, shape.sequence}, DType::i64);
    positions_S = arena.take({1, shape.sequence}, DType::i64);
    for (TensorView& hidden : hidden_SH)
      hidden = arena.take({shape.sequence, config.hidden_size}, config.residual_dtype());
    activations = TransformerLayer::plan_activations(arena, config, shape);
    transient = TransformerLayer::plan_transient(arena, config, shape);
    head_activations = OutputHead::plan_activations(arena, config, {.sequence = 1, .samples = 1});
    head_transient =
        OutputHead::plan_transient(stream, arena, config, {.sequence = 1, .samples = 1});
    logits_V = arena.take({config.vocab_size});
  }

  MicrobatchShape shape;
  Embedding embedding;
  std::vector<TransformerLayer> layers;
  OutputHead head;
  Buffer memory;
  Buffer workspace;
  TensorView tokens_S;
  TensorView positions_S;
  TensorView hidden_SH[2];  ///< input and output of a layer, taking turns
  TransformerLayer::Activations activations;
  TransformerLayer::Transient transient;
  OutputHead::Activations head_activations;
  OutputHead::Transient head_transient;
  TensorView logits_V;  ///< f32
  kernels::Context context;
};

Generator::Generator(Stream& stream, const ModelConfig& config, ParameterSet& parameters,
                     MemoryResource& memory)
    : stream_(stream),
      config_(config),
      parameters_(parameters),
      memory_(memory),
      rotary_(stream, config, config.max_position_embeddings, memory),
      logits_V_(static_cast<size_t>(config.vocab_size)) {
  const Shape cache_CGD{config.max_position_embeddings, config.query_groups(), config.kv_channels};
  const auto lay_out = [&](Arena& arena) {
    caches_.clear();
    for (int64_t layer = 0; layer < config.num_layers; ++layer) {
      const TensorView keys_CGD = arena.take(cache_CGD, config.dtype);
      caches_.push_back({.keys_CGD = keys_CGD, .values_CGD = arena.take(cache_CGD, config.dtype)});
    }
  };
  Arena plan;
  lay_out(plan);
  cache_memory_ = Buffer(plan.used_bytes(), memory_);
  Arena arena(cache_memory_.data(), cache_memory_.size_bytes());
  lay_out(arena);
  single_token_ = std::make_unique<Pass>(stream_, config_, 1, parameters_, rotary_, memory_);
}

Generator::~Generator() = default;

std::span<const float> Generator::append(std::span<const int32_t> tokens) {
  const auto count = static_cast<int64_t>(tokens.size());
  check(count > 0, ErrorKind::usage, "a sequence needs at least one token (got 0)");
  if (length_ + count > capacity()) {
    fail_with_hint(ErrorKind::usage, "--max-tokens or a shorter --prompt",
                   "the sequence would have {} tokens, the model has {} positions", length_ + count,
                   capacity());
  }
  if (count > 1) {
    prompt_ = std::make_unique<Pass>(stream_, config_, count, parameters_, rotary_, memory_);
  }
  Pass& pass = count > 1 ? *prompt_ : *single_token_;

  std::vector<int64_t> ids(tokens.size());
  std::vector<int64_t> positions(tokens.size());
  for (size_t i = 0; i < tokens.size(); ++i) {
    check(tokens[i] >= 0 && tokens[i] < config_.vocab_size, ErrorKind::usage,
          "token {} is not in the model's vocabulary of {}", tokens[i], config_.vocab_size);
    ids[i] = tokens[i];
    positions[i] = length_ + static_cast<int64_t>(i);
  }
  stream_.upload(ids.data(), pass.tokens_S.raw(), pass.tokens_S.size_bytes());
  stream_.upload(positions.data(), pass.positions_S.raw(), pass.positions_S.size_bytes());
  TensorView input_SH = pass.hidden_SH[0];
  TensorView output_SH = pass.hidden_SH[1];
  pass.embedding.forward(pass.context, pass.tokens_S, pass.positions_S, {}, {},
                         input_SH.reshape({count, 1, config_.hidden_size}));
  for (size_t layer = 0; layer < pass.layers.size(); ++layer) {
    pass.activations.output_TH = output_SH;
    pass.layers[layer].forward_cached(pass.context, input_SH, length_, caches_[layer],
                                      pass.activations, pass.transient);
    std::swap(input_SH, output_SH);
  }
  pass.head.forward_logits(pass.context, input_SH.rows(count - 1, 1), pass.head_activations,
                           pass.head_transient);
  kernels::convert(pass.context, pass.head_transient.logits_RV.reshape({config_.vocab_size}),
                   pass.logits_V);
  length_ += count;
  stream_.download(pass.logits_V.raw(), logits_V_.data(), pass.logits_V.size_bytes());
  return logits_V_;
}

}  // namespace weft::model
