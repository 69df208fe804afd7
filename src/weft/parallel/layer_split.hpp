#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/parallel/problem.hpp"

namespace weft::parallel {

/// How the user wants the layers split over pipeline ranks and their chunks; the comments name
/// Megatron's flags, the rules are those of reference/megatron.md 5.2.
struct LayerSplit {
  int64_t num_layers = 1;  ///< --num-layers
  int64_t pp = 1;          ///< --pipeline-model-parallel-size

  /// --num-virtual-stages-per-pipeline-rank: model chunks of each rank
  std::optional<int64_t> chunks_per_rank = {};
  /// --num-layers-per-virtual-pipeline-stage: the same by the layers of a chunk
  std::optional<int64_t> layers_per_chunk = {};

  /// --decoder-first-pipeline-num-layers: layers of pipeline rank 0, all chunks together
  std::optional<int64_t> first_rank_layers = {};
  /// --decoder-last-pipeline-num-layers: layers of pipeline rank pp - 1, all chunks together
  std::optional<int64_t> last_rank_layers = {};

  bool account_for_embedding = false;  ///< --account-for-embedding-in-pipeline-split
  bool account_for_loss = false;       ///< --account-for-loss-in-pipeline-split

  /// --pipeline-model-parallel-layout: every stage by hand (see LayerLayout); empty: none. It
  /// replaces all options above but num_layers and pp.
  std::string layout = {};

  /// Every contradiction, each with its equation.
  std::vector<Problem> validate() const;

  bool is_uneven() const { return first_rank_layers || last_rank_layers; }
  bool is_interleaved() const { return chunks_per_rank || layers_per_chunk; }
  /// num_layers and what counts as a layer beside them.
  int64_t num_units() const { return num_layers + account_for_embedding + account_for_loss; }
  /// Model chunks of each rank. For a valid split.
  int64_t num_chunks() const;
};

}  // namespace weft::parallel
