#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/comm/fault.hpp"
#include "weft/parallel/axis.hpp"
#include "weft/parallel/layer_split.hpp"
#include "weft/schedule/stage_map.hpp"

namespace weft::train {

/// How a run's layers are spread over a pipeline, and in which order its tasks run.
struct PipelineConfig {
  parallel::LayerSplit split;  ///< whose number of layers is the model's
  /// --pipeline-schedule: a name or a .csv file; empty: 1f1b, or interleaved with virtual chunks.
  std::string schedule;
  std::optional<schedule::Mapping> mapping;  ///< --pipeline-mapping; absent: auto
  /// --microbatch-group-size-per-virtual-pipeline-stage; 0: as many as pipeline ranks.
  int64_t group_size = 0;
  bool dynamic = false;            ///< --use-dpp, or --pipeline-schedule dynamic
  std::string dpp_order = "auto";  ///< --dpp-order
  /// --dpp-memory-budget, bytes of a rank's activations; absent: what 1f1b or interleaved would
  /// hold and a chunk's microbatch per chunk more.
  std::optional<int64_t> memory_budget;
  std::string replay;        ///< --replay-schedule: a commit log whose order is followed
  std::string commit_log;    ///< --commit-log: where the last step's log is written
  int64_t num_replicas = 1;  ///< --world-size / --pipeline-model-parallel-size
  parallel::RankOrder order = parallel::kDefaultOrder;  ///< --use-tp-pp-dp-mapping
  double timeout_minutes = 10;                          ///< --distributed-timeout-minutes
  std::vector<comm::Fault> faults;                      ///< --inject

  /// Of one pipeline.
  int64_t num_ranks() const { return split.pp; }
  int64_t world_size() const { return num_ranks() * num_replicas; }
};

}  // namespace weft::train
