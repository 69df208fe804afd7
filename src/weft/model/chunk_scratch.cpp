#include "weft/model/chunk_scratch.hpp"

#include <algorithm>

#include "weft/model/embedding.hpp"

namespace weft::model {

using parallel::StageLayers;

ChunkScratch::ChunkScratch(Stream& stream, const ModelConfig& config, const MicrobatchShape& shape,
                           std::span<const StageLayers> parts, MemoryResource& memory)
    : config_(config),
      shape_(shape),
      attention_(stream, TransformerLayer::attention_spec(config, shape)),
      rotary_(stream, config, shape.sequence, memory),
      context_{stream, {}} {
  size_t bytes = 0;
  plan(stream, nullptr, bytes, config, shape, parts);
  memory_ = Buffer(bytes, memory);
  parts_ = plan(stream, memory_.data(), bytes, config, shape, parts);
  workspace_ = Buffer(workspace_bytes(stream, config, shape, parts), memory);
  context_.workspace = {workspace_.data(), workspace_.size_bytes()};
}

ChunkScratch::Parts ChunkScratch::plan(const Stream& stream, std::byte* memory, size_t& bytes,
                                       const ModelConfig& config, const MicrobatchShape& shape,
                                       std::span<const StageLayers> parts) {
  Parts planned;
  Arena layer = memory == nullptr ? Arena() : Arena(memory, bytes);
  Arena head = layer;
  planned.layer = TransformerLayer::plan_transient(layer, config, shape);
  if (std::ranges::any_of(parts, &StageLayers::has_head)) {
    planned.head = OutputHead::plan_transient(stream, head, config, shape);
  }
  // The head runs between the forward and the backward passes of the layers: recomputed activations
  // do not exist then either.
  planned.recomputed = plan_recomputed(layer, config, shape, parts);
  bytes = std::max(layer.used_bytes(), head.used_bytes());
  return planned;
}

ChunkScratch::Recomputed ChunkScratch::plan_recomputed(Arena& arena, const ModelConfig& config,
                                                       const MicrobatchShape& shape,
                                                       std::span<const StageLayers> parts) {
  Recomputed recomputed;
  if (config.recompute.attention()) {
    recomputed.push_back(TransformerLayer::plan_attention(arena, config, shape));
  }
  int64_t largest = 0;
  for (const StageLayers& part : parts) {
    largest = std::max(largest, config.recompute.largest_group(part.num_layers));
  }
  for (int64_t i = 0; i < largest; ++i) {
    recomputed.push_back(TransformerLayer::plan_activations(arena, config, shape));
  }
  return recomputed;
}

size_t ChunkScratch::workspace_bytes(const Stream& stream, const ModelConfig& config,
                                     const MicrobatchShape& shape,
                                     std::span<const StageLayers> parts) {
  size_t bytes = TransformerLayer::workspace_bytes(stream, config, shape, true);
  for (const StageLayers& part : parts) {
    if (part.has_head) bytes = std::max(bytes, OutputHead::workspace_bytes(stream, config, shape));
    if (part.has_embedding) {
      bytes = std::max(bytes, Embedding::workspace_bytes(stream, config, shape));
    }
  }
  return bytes;
}

size_t ChunkScratch::size_bytes(const Stream& stream, const ModelConfig& config,
                                const MicrobatchShape& shape, std::span<const StageLayers> parts) {
  size_t scratch = 0;
  plan(stream, nullptr, scratch, config, shape, parts);
  return aligned_size(scratch) + aligned_size(workspace_bytes(stream, config, shape, parts)) +
         RotaryEmbedding::size_bytes(config, shape.sequence);
}

}  // namespace weft::model
