#include "weft/parallel/layer_partition.hpp"

#include <algorithm>

#include "weft/base/error.hpp"
#include "weft/parallel/layer_layout.hpp"

namespace weft::parallel {

namespace {

/// Layers of each stage of a valid split, in layer order.
std::vector<int64_t> layers_per_stage(const LayerSplit& split,
                                      std::span<const StageLayers> stages) {
  if (!split.layout.empty()) {
    std::vector<Problem> unused;
    return parse_layout(split.layout, unused).layers_per_stage;
  }
  const int64_t chunks = split.num_chunks();
  int64_t even_ranks = split.pp;
  int64_t even_layers = split.num_units();
  for (const std::optional<int64_t>& end : {split.first_rank_layers, split.last_rank_layers}) {
    if (!end) continue;
    --even_ranks;
    even_layers -= *end;
  }
  const int64_t even_share = even_ranks == 0 ? 0 : even_layers / even_ranks;
  std::vector<int64_t> result;
  for (const StageLayers& stage : stages) {
    int64_t of_rank = even_share;
    if (stage.pp_rank == 0) of_rank = split.first_rank_layers.value_or(of_rank);
    if (stage.pp_rank == split.pp - 1) of_rank = split.last_rank_layers.value_or(of_rank);
    result.push_back(of_rank / chunks);
  }
  // What counts as a layer takes the place of one.
  if (split.account_for_embedding) --result.front();
  if (split.account_for_loss) --result.back();
  return result;
}

}  // namespace

LayerPartition::LayerPartition(const LayerSplit& split)
    : LayerPartition(split, [pp = split.pp](int64_t stage) { return stage % pp; }) {}

LayerPartition::LayerPartition(const LayerSplit& split, const RankOfStage& rank_of_stage)
    : num_ranks_(split.pp) {
  throw_problems("the split of the layers", split.validate());
  place_stages(split.num_chunks(), rank_of_stage);
  const std::vector<int64_t> layers = layers_per_stage(split, stages_);
  int64_t next_layer = 0;
  for (size_t i = 0; i < stages_.size(); ++i) {
    stages_[i].first_layer = next_layer;
    stages_[i].num_layers = layers[i];
    next_layer += layers[i];
  }
  check(next_layer == split.num_layers, ErrorKind::internal, "the stages hold {} layers of {}",
        next_layer, split.num_layers);
}

void LayerPartition::place_stages(int64_t num_chunks, const RankOfStage& rank_of_stage) {
  const int64_t num_stages = num_ranks_ * num_chunks;
  std::vector<int64_t> placed(static_cast<size_t>(num_ranks_), 0);
  stage_of_chunk_.resize(static_cast<size_t>(num_stages));
  for (int64_t stage = 0; stage < num_stages; ++stage) {
    const int64_t rank = rank_of_stage(stage);
    check(rank >= 0 && rank < num_ranks_, ErrorKind::internal,
          "stage {} is mapped to pp rank {} of {}", stage, rank, num_ranks_);
    const int64_t chunk = placed[static_cast<size_t>(rank)]++;
    check(chunk < num_chunks, ErrorKind::internal,
          "the mapping gives pp rank {} more than its {} chunks", rank, num_chunks);
    stage_of_chunk_[static_cast<size_t>(rank * num_chunks + chunk)] = static_cast<size_t>(stage);
    stages_.push_back({.stage = stage,
                       .pp_rank = rank,
                       .chunk = chunk,
                       .has_embedding = stage == 0,
                       .has_head = stage == num_stages - 1});
  }
}

const StageLayers& LayerPartition::at(int64_t pp_rank, int64_t chunk) const {
  check(pp_rank >= 0 && pp_rank < num_ranks_ && chunk >= 0 && chunk < num_chunks(),
        ErrorKind::internal, "there is no chunk {} on pp rank {} ({} ranks of {} chunks)", chunk,
        pp_rank, num_ranks_, num_chunks());
  return stages_[stage_of_chunk_[static_cast<size_t>(pp_rank * num_chunks() + chunk)]];
}

const StageLayers& LayerPartition::stage_of_layer(int64_t layer) const {
  check(layer >= 0 && layer < num_layers(), ErrorKind::internal, "there is no layer {} among {}",
        layer, num_layers());
  return *std::partition_point(stages_.begin(), stages_.end(), [layer](const StageLayers& stage) {
    return stage.end_layer() <= layer;
  });
}

int64_t LayerPartition::num_layers_of_rank(int64_t pp_rank) const {
  int64_t layers = 0;
  for (int64_t chunk = 0; chunk < num_chunks(); ++chunk) layers += at(pp_rank, chunk).num_layers;
  return layers;
}

std::string LayerPartition::layout() const {
  std::vector<int64_t> layers;
  for (const StageLayers& stage : stages_) layers.push_back(stage.num_layers);
  return layout_text(layers);
}

}  // namespace weft::parallel
