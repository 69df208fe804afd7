#include "weft/model/rank_model.hpp"

#include <algorithm>

#include "weft/model/gpt_parameters.hpp"

namespace weft::model {

using parallel::StageLayers;

namespace {

/// Whether lookups and the head add to one gradient on this rank.
bool joins_tied_gradients(const ModelConfig& config, std::span<const StageLayers> parts) {
  return config.tied_embeddings && std::ranges::any_of(parts, &StageLayers::has_embedding) &&
         std::ranges::any_of(parts, &StageLayers::has_head);
}

}  // namespace

RankModel::RankModel(Stream& stream, const ModelConfig& config, std::span<const StageLayers> parts,
                     const MicrobatchShape& shape, BackwardMode mode, ParameterSet& parameters,
                     const DropoutRates& rates, MemoryResource& memory)
    : scratch_(stream, config, shape, parts, memory), parameters_(&parameters) {
  const bool separate_lookup = joins_tied_gradients(config, parts);
  for (const StageLayers& part : parts) {
    chunks_.push_back(std::make_unique<ModelChunk>(
        stream, scratch_,
        ModelChunk::Setup{
            .part = part, .mode = mode, .rates = rates, .separate_lookup = separate_lookup},
        parameters, memory));
  }
}

RankModel::RankModel(Stream& stream, const ModelConfig& config, const MicrobatchShape& shape,
                     BackwardMode mode, ParameterSet& parameters, const DropoutRates& rates,
                     MemoryResource& memory)
    : RankModel(stream, config, std::vector<StageLayers>{whole_model(config)}, shape, mode,
                parameters, rates, memory) {}

void RankModel::start_gradients() {
  parameters_->start_gradients();
  for (const auto& chunk : chunks_) chunk->start_gradients();
}

void RankModel::finalize_gradients() {
  finish_gradients();
  join_gradients();
}

void RankModel::finish_gradients() { parameters_->finish_gradients(); }

std::vector<TensorView> RankModel::gradient_sums() {
  std::vector<TensorView> sums{parameters_->gradient_slab()};
  for (const auto& chunk : chunks_) {
    if (const TensorView lookup = chunk->lookup_gradient(); !lookup.empty()) sums.push_back(lookup);
  }
  return sums;
}

void RankModel::join_gradients() {
  for (const auto& chunk : chunks_) chunk->join_gradients();
}

LossSum RankModel::take_loss() {
  for (const auto& chunk : chunks_) {
    if (chunk->part().has_head) return chunk->take_loss();
  }
  return {};
}

size_t RankModel::scratch_bytes(const Stream& stream, const ModelConfig& config,
                                const MicrobatchShape& shape, std::span<const StageLayers> parts) {
  const bool has_head = std::ranges::any_of(parts, &StageLayers::has_head);
  return ChunkScratch::size_bytes(stream, config, shape, parts) +
         (has_head ? aligned_size(sizeof(double)) : 0);
}

size_t RankModel::lookup_gradient_bytes(const ModelConfig& config,
                                        std::span<const StageLayers> parts) {
  if (!joins_tied_gradients(config, parts)) return 0;
  return aligned_size(static_cast<size_t>(config.vocab_size * config.hidden_size) * sizeof(float));
}

}  // namespace weft::model
