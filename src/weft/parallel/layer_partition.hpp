#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "weft/parallel/layer_split.hpp"

namespace weft::parallel {

/// The part of a model that one chunk of one pipeline rank holds. Stages are counted in layer order
/// over the whole model; layers from 0.
struct StageLayers {
  int64_t stage = 0;
  int64_t pp_rank = 0;
  int64_t chunk = 0;  ///< this stage is the chunk-th of its rank in layer order
  int64_t first_layer = 0;
  int64_t num_layers = 0;  ///< may be 0: a stage of only the embedding, the head, or nothing
  bool has_embedding = false;
  bool has_head = false;

  int64_t end_layer() const { return first_layer + num_layers; }

  friend bool operator==(const StageLayers&, const StageLayers&) = default;
};

/// Pipeline rank of a stage: the mapping. Every rank must get equally many stages.
using RankOfStage = std::function<int64_t(int64_t stage)>;

/// Which layers each stage holds. Every layer is in exactly one stage, and stages follow each other
/// without gaps.
class LayerPartition {
 public:
  /// The loop mapping: stage s on rank s mod pp (Megatron's virtual pipeline).
  explicit LayerPartition(const LayerSplit& split);
  /// Any mapping, for example a wave. Where the split speaks of the first or last rank it means
  /// that rank's stages, wherever they are in the model; the embedding is on the first stage and
  /// the head on the last. Throws Error{usage} that lists what LayerSplit::validate finds, and
  /// Error{internal} for a mapping that does not give every rank its chunks.
  LayerPartition(const LayerSplit& split, const RankOfStage& rank_of_stage);

  int64_t num_layers() const { return stages_.back().end_layer(); }
  int64_t num_stages() const { return static_cast<int64_t>(stages_.size()); }
  int64_t num_ranks() const { return num_ranks_; }
  int64_t num_chunks() const { return num_stages() / num_ranks_; }

  /// All stages in layer order.
  std::span<const StageLayers> stages() const { return stages_; }
  /// A chunk of a rank. Throws Error{internal} when there is none.
  const StageLayers& at(int64_t pp_rank, int64_t chunk) const;
  /// The stage that holds `layer`. Throws Error{internal} when there is no such layer.
  const StageLayers& stage_of_layer(int64_t layer) const;
  /// Number of layers of a rank, all chunks together.
  int64_t num_layers_of_rank(int64_t pp_rank) const;
  /// The pipeline rank of the last stage, which holds the head.
  int64_t head_pp_rank() const { return stages_.back().pp_rank; }

  /// The partition in the form of --pipeline-model-parallel-layout, for example "Et*3|t*4|t*3L".
  std::string layout() const;

 private:
  void place_stages(int64_t num_chunks, const RankOfStage& rank_of_stage);

  int64_t num_ranks_;
  std::vector<StageLayers> stages_;
  std::vector<size_t> stage_of_chunk_;  ///< [rank, chunk]
};

}  // namespace weft::parallel
