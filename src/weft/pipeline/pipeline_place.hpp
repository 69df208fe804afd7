#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/comm/communicator.hpp"
#include "weft/comm/endpoint.hpp"
#include "weft/schedule/stage_map.hpp"

namespace weft::pipeline {

/// Where a rank stands in its pipeline. The default is a pipeline of one rank with one chunk.
struct PipelinePlace {
  comm::Endpoint* endpoint = nullptr;  ///< null where there is nobody to talk to
  schedule::StageMap stages;
  int64_t rank = 0;                    ///< of the pipeline
  std::vector<int> world_ranks = {0};  ///< [rank of the pipeline]
  std::string name = "0";              ///< tells the pipelines of different replicas apart
  /// Ranks that hold the same stages and run other microbatches; null without any.
  comm::Communicator* replicas = nullptr;

  int world_rank_of(int64_t stage) const {
    return world_ranks[static_cast<size_t>(stages.rank_of(stage))];
  }
  int64_t num_replicas() const { return replicas != nullptr ? replicas->size() : 1; }
  bool is_first_stage(int64_t chunk) const { return stages.stage_of(rank, chunk) == 0; }
  bool is_last_stage(int64_t chunk) const {
    return stages.stage_of(rank, chunk) == stages.num_stages() - 1;
  }
};

}  // namespace weft::pipeline
