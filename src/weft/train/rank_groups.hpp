#pragma once

#include <cstdint>
#include <optional>

#include "weft/comm/communicator.hpp"
#include "weft/comm/rank_context.hpp"
#include "weft/parallel/topology.hpp"
#include "weft/pipeline/pipeline_place.hpp"
#include "weft/train/pipeline_setup.hpp"

namespace weft::train {

/// Whom a rank works with: the ranks that hold the other stages of its model, and those that hold
/// copies of its part (replicas) and train on other samples.
class RankGroups {
 public:
  /// All ranks make theirs alike. The rank's endpoint outlives the groups.
  RankGroups(const PipelineSetup& setup, const comm::RankContext& rank);
  RankGroups(const RankGroups&) = delete;
  RankGroups& operator=(const RankGroups&) = delete;

  int64_t pipeline_rank() const { return place_.rank; }
  /// Number of this rank's copy of the model.
  int64_t replica() const { return replica_; }

  /// The ranks of this rank's pipeline, by pipeline rank; null where there is one.
  comm::Communicator* pipeline() const { return pipeline_ ? &*pipeline_ : nullptr; }
  /// The ranks with the same part in all replicas; null without replicas.
  comm::Communicator* replicas() const { return replicas_ ? &*replicas_ : nullptr; }
  /// The two ranks of the pipeline that hold a tied table's lookup and head; null on others, and
  /// where both are on one.
  comm::Communicator* tied() const { return tied_ ? &*tied_ : nullptr; }
  const pipeline::PipelinePlace& place() const { return place_; }

 private:
  pipeline::PipelinePlace place_;
  int64_t replica_ = 0;
  mutable std::optional<comm::Communicator> pipeline_;
  mutable std::optional<comm::Communicator> replicas_;
  mutable std::optional<comm::Communicator> tied_;
};

}  // namespace weft::train
