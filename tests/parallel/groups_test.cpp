#include "weft/parallel/groups.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>

#include "support/vectors.hpp"
#include "weft/base/error.hpp"

namespace weft::parallel {
namespace {

TopologySizes sizes_of(const nlohmann::json& vector) {
  TopologySizes sizes;
  sizes.world_size = vector.at("world");
  sizes.tp = static_cast<int64_t>(vector.at("tp").at(0).size());
  sizes.cp = static_cast<int64_t>(vector.at("cp").at(0).size());
  sizes.pp = static_cast<int64_t>(vector.at("pp").at(0).size());
  sizes.ep = vector.at("ep");
  sizes.expert_tp = vector.at("etp");
  sizes.order = parse_order(vector.at("order").get<std::string>());
  return sizes;
}

TEST(Groups, EqualMegatronsOfTheVectors) {
  const nlohmann::json vectors = testing::load_vector("parallel_and_schedules").at("rank_groups");
  ASSERT_EQ(vectors.size(), 7u);
  const std::set<std::string> sizes = {"world", "ep", "etp", "edp", "order"};
  for (const nlohmann::json& vector : vectors) {
    const Topology topology(sizes_of(vector));
    EXPECT_EQ(topology.expert_dp(), vector.at("edp"));
    const Groups groups(topology);
    std::map<std::string, nlohmann::json> found;
    for (const GroupKind kind : group_kinds()) {
      nlohmann::json list = nlohmann::json::array();
      for (const Group& group : groups.all(kind)) list.push_back(group.ranks);
      found.emplace(name(kind), list);
    }
    size_t compared = 0;
    for (const auto& [kind, expected] : vector.items()) {
      if (sizes.contains(kind)) continue;
      ASSERT_TRUE(found.contains(kind)) << kind;
      EXPECT_EQ(found.at(kind), expected) << kind << " of " << vector.at("world");
      ++compared;
    }
    // The vectors leave only the position embedding out: the first rank of each pipeline.
    EXPECT_EQ(compared, group_kinds().size() - 1);
  }
}

TEST(Groups, TheHeadsPlaceDecidesTheEmbeddingGroup) {
  const Topology topology({.world_size = 8, .tp = 2, .pp = 4});
  const Groups loop(topology);
  EXPECT_EQ(loop.all(GroupKind::embedding), (std::vector<Group>{{{0, 6}}, {{1, 7}}}));
  EXPECT_EQ(loop.all(GroupKind::position_embedding), (std::vector<Group>{{{0}}, {{1}}}));
  EXPECT_EQ(loop.of(GroupKind::embedding, 7), (Group{{1, 7}}));
  EXPECT_EQ(loop.of(GroupKind::embedding, 3), std::nullopt);
  EXPECT_EQ(loop.of(GroupKind::position_embedding, 6), std::nullopt);
  // In a wave of two chunks the last stage is on the first rank, which shares with no one.
  const Groups wave(topology, 0);
  EXPECT_EQ(wave.all(GroupKind::embedding), (std::vector<Group>{{{0}}, {{1}}}));
  EXPECT_EQ(wave.of(GroupKind::embedding, 7), std::nullopt);
  EXPECT_THROW(Groups(topology, 4), Error);
  EXPECT_THROW(Groups(topology, -1), Error);
}

TEST(Groups, AMembersNumberIsItsIndex) {
  const Group group{{1, 3, 5}};
  EXPECT_EQ(group.size(), 3);
  EXPECT_EQ(group.index_of(3), 1);
  EXPECT_EQ(group.index_of(5), 2);
  EXPECT_EQ(group.index_of(2), std::nullopt);
  EXPECT_EQ(group.index_of(7), std::nullopt);
}

int64_t size_of(const Topology& t, GroupKind kind) {
  switch (kind) {
    case GroupKind::tp:
      return t.tp();
    case GroupKind::cp:
      return t.cp();
    case GroupKind::dp:
      return t.dp();
    case GroupKind::pp:
      return t.pp();
    case GroupKind::dp_cp:
      return t.dp() * t.cp();
    case GroupKind::tp_pp:
      return t.tp() * t.pp();
    case GroupKind::tp_dp:
      return t.tp() * t.dp();
    case GroupKind::tp_dp_cp:
      return t.tp() * t.dp() * t.cp();
    case GroupKind::tp_cp:
      return t.tp() * t.cp();
    case GroupKind::expert_ep:
      return t.ep();
    case GroupKind::expert_tp:
      return t.expert_tp();
    case GroupKind::expert_tp_ep:
      return t.expert_tp() * t.ep();
    case GroupKind::expert_tp_ep_pp:
      return t.expert_tp() * t.ep() * t.pp();
    case GroupKind::expert_dp:
      return t.expert_dp();
    case GroupKind::embedding:
      return t.pp() == 1 ? 1 : 2;
    case GroupKind::position_embedding:
      return 1;
  }
  return 0;
}

// Every rank is in exactly one group, groups are ascending and sorted, and of() finds that group.
void expect_partition(const Groups& groups, GroupKind kind) {
  const Topology& topology = groups.topology();
  const bool partial = kind == GroupKind::embedding || kind == GroupKind::position_embedding;
  std::set<int64_t> seen;
  int64_t last_first = -1;
  for (const Group& group : groups.all(kind)) {
    EXPECT_EQ(group.size(), size_of(topology, kind)) << name(kind);
    EXPECT_TRUE(std::is_sorted(group.ranks.begin(), group.ranks.end())) << name(kind);
    EXPECT_LT(last_first, group.ranks.front()) << name(kind);
    last_first = group.ranks.front();
    for (const int64_t rank : group.ranks) {
      EXPECT_TRUE(seen.insert(rank).second) << name(kind) << " holds rank " << rank << " twice";
      EXPECT_EQ(groups.of(kind, rank), group) << name(kind) << " of rank " << rank;
    }
  }
  if (!partial) {
    EXPECT_EQ(static_cast<int64_t>(seen.size()), topology.world_size()) << name(kind);
  }
  for (int64_t rank = 0; rank < topology.world_size(); ++rank) {
    EXPECT_EQ(groups.of(kind, rank).has_value(), seen.contains(rank)) << name(kind);
  }
}

TEST(Groups, PartitionTheRanksOfRandomWorlds) {
  std::mt19937 random(2);
  const auto size = [&random] { return static_cast<int64_t>(random() % 3 + 1); };
  int worlds = 0;
  while (worlds < 100) {
    TopologySizes sizes{.tp = size(), .cp = size(), .pp = size(), .ep = size()};
    sizes.expert_tp = size();
    sizes.world_size = sizes.tp * sizes.cp * sizes.pp * size() * size();
    if (random() % 2 == 0) sizes.order = kReplicasOutermost;
    if (!sizes.validate().empty()) continue;
    ++worlds;
    const Groups groups{Topology(sizes)};
    for (const GroupKind kind : group_kinds()) expect_partition(groups, kind);
  }
}

// Two ranks of one group differ only along the group's own axes.
TEST(Groups, MembersAgreeOnAllOtherAxes) {
  const Topology topology({.world_size = 48, .tp = 2, .cp = 2, .pp = 3});
  const Groups groups(topology);
  for (int64_t rank = 0; rank < topology.world_size(); ++rank) {
    const Coordinates place = topology.coordinates(rank);
    const Group replicas = *groups.of(GroupKind::dp_cp, rank);
    for (const int64_t other : replicas.ranks) {
      EXPECT_EQ(topology.coordinates(other).tp, place.tp);
      EXPECT_EQ(topology.coordinates(other).pp, place.pp);
    }
    const Group pipeline = *groups.of(GroupKind::pp, rank);
    EXPECT_EQ(pipeline.index_of(rank), place.pp);
  }
}

}  // namespace
}  // namespace weft::parallel
