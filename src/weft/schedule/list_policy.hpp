#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "weft/schedule/policy.hpp"

namespace weft::schedule {

/// Order of preference among ready tasks (reference/schedules.md A.2). All but critical_path prefer
/// backwards to forwards to weight gradients; within a kind
///   depth_first    ("dfc")  the oldest microbatch
///   breadth_first  ("bfc")  the first chunk forward, the last chunk backward
///   deep           ("deep") the latest stage forward and backward
///   critical_path           the longest path to the end of the step, whatever the kind
///   critical_path_by_kind   the same within a kind
enum class ListKey : uint8_t {
  depth_first,
  breadth_first,
  deep,
  critical_path,
  critical_path_by_kind,
};

/// "dfc", "bfc", "deep", "critical-path", "critical-path-by-kind"
std::string_view name(ListKey key);
/// The key called `name`; "cp" is critical-path. Nothing when there is none.
std::optional<ListKey> list_key(std::string_view name);

/// Longest path from the start of each task to the end of the step, in the durations and latencies
/// of `graph`'s microbatch 0 (A.2: up).
struct UpwardRanks {
  std::vector<double> forward;          ///< [stage]
  std::vector<double> backward;         ///< [stage], of B or D
  std::vector<double> backward_weight;  ///< [stage]
};
UpwardRanks upward_ranks(const Graph& graph);

struct ListPolicyConfig {
  ListKey key = ListKey::depth_first;
  std::optional<int64_t> wip_limit{};  ///< rule N; nothing: no limit
  /// For the critical path keys; ignored by the others.
  std::shared_ptr<const UpwardRanks> upward{};
};

/// Runs the admissible ready task with the least key, and never idles while there is one.
class ListPolicy final : public Policy {
 public:
  explicit ListPolicy(ListPolicyConfig config);
  Decision choose(const View& view) const override;

 private:
  ListPolicyConfig config_;
};

}  // namespace weft::schedule
