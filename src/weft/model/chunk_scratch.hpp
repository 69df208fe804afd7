#pragma once

#include <span>
#include <vector>

#include "weft/kernels/attention.hpp"
#include "weft/kernels/context.hpp"
#include "weft/model/microbatch.hpp"
#include "weft/model/model_config.hpp"
#include "weft/model/output_head.hpp"
#include "weft/model/rotary_embedding.hpp"
#include "weft/model/transformer_layer.hpp"
#include "weft/parallel/layer_partition.hpp"

namespace weft::model {

/// What the chunks of one rank share, of which only one runs at a time: plans, angles, the kernels'
/// workspace, and tensors that carry nothing from one task to the next.
class ChunkScratch {
 public:
  /// Activations of layers that recompute: a set for each layer of the largest group; for selective
  /// recomputation one with the output of attention alone.
  using Recomputed = std::vector<TransformerLayer::Activations>;

  /// For the chunks that hold `parts`, on the thread that runs them, after
  /// kernels::set_num_threads.
  ChunkScratch(Stream& stream, const ModelConfig& config, const MicrobatchShape& shape,
               std::span<const parallel::StageLayers> parts, MemoryResource& memory);
  ChunkScratch(const ChunkScratch&) = delete;
  ChunkScratch& operator=(const ChunkScratch&) = delete;

  /// Bytes that the constructor takes from `memory`.
  static size_t size_bytes(const Stream& stream, const ModelConfig& config,
                           const MicrobatchShape& shape,
                           std::span<const parallel::StageLayers> parts);
  /// The recomputed activations of chunks that hold `parts`, laid in `arena`.
  static Recomputed plan_recomputed(Arena& arena, const ModelConfig& config,
                                    const MicrobatchShape& shape,
                                    std::span<const parallel::StageLayers> parts);

  const ModelConfig& config() const { return config_; }
  const MicrobatchShape& shape() const { return shape_; }
  const kernels::Context& context() const { return context_; }
  TransformerLayer::Shared layer_shared() const {
    return {.attention = &attention_, .rotary = &rotary_};
  }
  const TransformerLayer::Transient& layer() const { return parts_.layer; }
  /// In the same memory as what layers use: no task uses both at once.
  const OutputHead::Transient& head() const { return parts_.head; }
  const Recomputed& recomputed() const { return parts_.recomputed; }

 private:
  struct Parts {
    TransformerLayer::Transient layer;
    OutputHead::Transient head;
    Recomputed recomputed;
  };

  static Parts plan(const Stream& stream, std::byte* memory, size_t& bytes,
                    const ModelConfig& config, const MicrobatchShape& shape,
                    std::span<const parallel::StageLayers> parts);
  static size_t workspace_bytes(const Stream& stream, const ModelConfig& config,
                                const MicrobatchShape& shape,
                                std::span<const parallel::StageLayers> parts);

  ModelConfig config_;
  MicrobatchShape shape_;
  kernels::AttentionPlan attention_;
  RotaryEmbedding rotary_;
  Buffer memory_;
  Buffer workspace_;
  Parts parts_;
  kernels::Context context_;
};

}  // namespace weft::model
