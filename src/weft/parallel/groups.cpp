#include "weft/parallel/groups.hpp"

#include <algorithm>
#include <array>

#include "weft/base/error.hpp"

namespace weft::parallel {

namespace {

struct KindRow {
  GroupKind kind;
  std::string_view name;
  bool expert;
  AxisSet axes;  ///< of the embedding kinds: the pipeline that they are a part of
};

constexpr std::array kRows = {
    KindRow{GroupKind::tp, "tp", false, {Axis::tp}},
    KindRow{GroupKind::cp, "cp", false, {Axis::cp}},
    KindRow{GroupKind::dp, "dp", false, {Axis::dp}},
    KindRow{GroupKind::pp, "pp", false, {Axis::pp}},
    KindRow{GroupKind::dp_cp, "dp-cp", false, {Axis::dp, Axis::cp}},
    KindRow{GroupKind::tp_pp, "tp-pp", false, {Axis::tp, Axis::pp}},
    KindRow{GroupKind::tp_dp, "tp-dp", false, {Axis::tp, Axis::dp}},
    KindRow{GroupKind::tp_dp_cp, "tp-dp-cp", false, {Axis::tp, Axis::dp, Axis::cp}},
    KindRow{GroupKind::tp_cp, "tp-cp", false, {Axis::tp, Axis::cp}},
    KindRow{GroupKind::expert_ep, "expert_ep", true, {Axis::ep}},
    KindRow{GroupKind::expert_tp, "expert_tp", true, {Axis::tp}},
    KindRow{GroupKind::expert_tp_ep, "expert_tp-ep", true, {Axis::tp, Axis::ep}},
    KindRow{GroupKind::expert_tp_ep_pp, "expert_tp-ep-pp", true, {Axis::tp, Axis::ep, Axis::pp}},
    KindRow{GroupKind::expert_dp, "expert_dp", true, {Axis::dp}},
    KindRow{GroupKind::embedding, "embedding", false, {Axis::pp}},
    KindRow{GroupKind::position_embedding, "position_embedding", false, {Axis::pp}},
};

constexpr auto kKinds = [] {
  std::array<GroupKind, kRows.size()> kinds{};
  for (size_t i = 0; i < kRows.size(); ++i) kinds[i] = kRows[i].kind;
  return kinds;
}();

// row() finds a kind by its number.
static_assert([] {
  for (size_t i = 0; i < kRows.size(); ++i) {
    if (static_cast<size_t>(kRows[i].kind) != i) return false;
  }
  return true;
}());

const KindRow& row(GroupKind kind) { return kRows[static_cast<size_t>(kind)]; }

bool is_embedding(GroupKind kind) {
  return kind == GroupKind::embedding || kind == GroupKind::position_embedding;
}

const RankGrid& grid(const Topology& topology, GroupKind kind) {
  return row(kind).expert ? topology.expert() : topology.dense();
}

}  // namespace

std::span<const GroupKind> group_kinds() { return kKinds; }

std::string_view name(GroupKind kind) { return row(kind).name; }

std::optional<int64_t> Group::index_of(int64_t rank) const {
  const auto found = std::lower_bound(ranks.begin(), ranks.end(), rank);
  if (found == ranks.end() || *found != rank) return std::nullopt;
  return found - ranks.begin();
}

Groups::Groups(const Topology& topology, std::optional<int64_t> head_pp_rank)
    : topology_(topology), head_pp_rank_(head_pp_rank.value_or(topology.pp() - 1)) {
  check(head_pp_rank_ >= 0 && head_pp_rank_ < topology.pp(), ErrorKind::internal,
        "there is no pp rank {} among {} for the head", head_pp_rank_, topology.pp());
}

Group Groups::embedding_part(GroupKind kind, const std::vector<int64_t>& pipeline) const {
  Group group{{pipeline.front()}};
  if (kind == GroupKind::embedding && head_pp_rank_ != 0) {
    group.ranks.push_back(pipeline[static_cast<size_t>(head_pp_rank_)]);
  }
  return group;
}

std::vector<Group> Groups::all(GroupKind kind) const {
  std::vector<Group> result;
  for (std::vector<int64_t>& ranks : grid(topology_, kind).groups(row(kind).axes)) {
    result.push_back(is_embedding(kind) ? embedding_part(kind, ranks) : Group{std::move(ranks)});
  }
  return result;
}

std::optional<Group> Groups::of(GroupKind kind, int64_t rank) const {
  std::vector<int64_t> ranks = grid(topology_, kind).group_of(rank, row(kind).axes);
  if (!is_embedding(kind)) return Group{std::move(ranks)};
  Group group = embedding_part(kind, ranks);
  if (!group.index_of(rank)) return std::nullopt;
  return group;
}

}  // namespace weft::parallel
