#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weft/schedule/stage_map.hpp"

namespace weft::train {

/// How the order of a pipeline's tasks is chosen.
struct PipelineConfig {
  /// --pipeline-schedule: a name or a .csv file; empty: 1f1b, or interleaved with virtual chunks.
  std::string schedule;
  std::optional<schedule::Mapping> mapping;  ///< --pipeline-mapping; absent: auto
  /// --microbatch-group-size-per-virtual-pipeline-stage; 0: as many as pipeline ranks.
  int64_t group_size = 0;
  bool dynamic = false;            ///< --use-dpp, or --pipeline-schedule dynamic
  std::string dpp_order = "auto";  ///< --dpp-order
  /// --dpp-memory-budget, bytes of activations of a rank; absent: what the static schedule holds
  /// and one microbatch more.
  std::optional<int64_t> memory_budget;
  std::string replay;      ///< --replay-schedule: a commit log whose order is followed
  std::string commit_log;  ///< --commit-log: where the last step's log is written
};

}  // namespace weft::train
