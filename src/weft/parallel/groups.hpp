#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "weft/parallel/topology.hpp"

namespace weft::parallel {

/// The groups of ranks that communicate (reference/megatron.md 5.1). A kind named after axes holds
/// the ranks that agree on all other axes of the grid.
enum class GroupKind : uint8_t {
  tp,
  cp,
  dp,
  pp,
  dp_cp,  ///< replicas of a dense weight: gradient reduction
  tp_pp,  ///< one copy of the model: gradient statistics
  tp_dp,
  tp_dp_cp,
  tp_cp,
  expert_ep,  ///< on the expert grid, like all that follow until embedding
  expert_tp,
  expert_tp_ep,
  expert_tp_ep_pp,
  expert_dp,           ///< replicas of an expert's weight
  embedding,           ///< the ranks of a pipeline that hold a tied embedding: lookup and head
  position_embedding,  ///< the rank of a pipeline that holds the position embedding
};

/// Every kind, in the order of the enum.
std::span<const GroupKind> group_kinds();

/// Megatron's name of a kind, for example "tp-dp-cp" or "expert_tp-ep".
std::string_view name(GroupKind kind);

/// Ranks of one group, ascending. A rank's number inside of the group is its index.
struct Group {
  std::vector<int64_t> ranks;

  int64_t size() const { return static_cast<int64_t>(ranks.size()); }
  /// Number of a world rank inside of the group, or nothing when it is no member.
  std::optional<int64_t> index_of(int64_t rank) const;

  friend bool operator==(const Group&, const Group&) = default;
};

/// All groups of a topology.
class Groups {
 public:
  /// `head_pp_rank` is the pipeline rank that holds the last stage: pp - 1 when it is not given, 0
  /// for a wave of an even number of chunks. The first stage is always on pipeline rank 0. Throws
  /// Error{internal} when there is no such pipeline rank.
  explicit Groups(const Topology& topology, std::optional<int64_t> head_pp_rank = std::nullopt);

  const Topology& topology() const { return topology_; }

  /// The groups of one kind by ascending first rank. Every rank is in exactly one, except that the
  /// embedding kinds hold only the ranks that have those weights.
  std::vector<Group> all(GroupKind kind) const;
  /// The group of one kind that holds `rank`, or nothing: embedding kinds only.
  std::optional<Group> of(GroupKind kind, int64_t rank) const;

 private:
  Group embedding_part(GroupKind kind, const std::vector<int64_t>& pipeline) const;

  Topology topology_;
  int64_t head_pp_rank_;
};

}  // namespace weft::parallel
