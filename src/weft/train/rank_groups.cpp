#include "weft/train/rank_groups.hpp"

#include <fmt/format.h>

#include <vector>

#include "weft/parallel/groups.hpp"

namespace weft::train {

namespace {

std::vector<int> world_ranks(const parallel::Group& group) {
  return {group.ranks.begin(), group.ranks.end()};
}

}  // namespace

RankGroups::RankGroups(const PipelineSetup& setup, const comm::RankContext& rank) {
  place_.stages = setup.stages();
  const parallel::Topology& topology = setup.topology();
  if (topology.world_size() == 1) return;
  const parallel::Coordinates at = topology.coordinates(rank.rank);
  place_.rank = at.pp;
  replica_ = at.dp;
  const auto head = setup.partition().head_pp_rank();
  const parallel::Groups groups(topology, head);
  if (topology.pp() > 1) {
    place_.endpoint = rank.endpoint;
    place_.world_ranks = world_ranks(*groups.of(parallel::GroupKind::pp, rank.rank));
    place_.name = fmt::format("{}", replica_);
    pipeline_.emplace(*rank.endpoint,
                      comm::RankGroup{fmt::format("pipeline {}", replica_), place_.world_ranks});
  }
  if (topology.dp() > 1) {
    replicas_.emplace(*rank.endpoint,
                      comm::RankGroup{fmt::format("replicas of pipeline rank {}", at.pp),
                                      world_ranks(*groups.of(parallel::GroupKind::dp, rank.rank))});
    place_.replicas = &*replicas_;
  }
  if (!setup.has_tied_embeddings() || head == 0 || (at.pp != 0 && at.pp != head)) return;
  tied_.emplace(*rank.endpoint, comm::RankGroup{fmt::format("embedding of pipeline {}", replica_),
                                                {place_.world_ranks.front(),
                                                 place_.world_ranks[static_cast<size_t>(head)]}});
}

}  // namespace weft::train
