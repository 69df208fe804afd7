#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "weft/schedule/policy.hpp"

namespace weft::schedule {

/// The order in which MegatronDPP's scheduler scans its virtual microbatches
/// (reference/megatron_dpp.md 1.2, 3.6):
///   bfc    chunk by chunk, all microbatches of one first (the original's only order)
///   group  Megatron's numbering: groups of as many microbatches as ranks, chunk by chunk in each
///   dfc    microbatch by microbatch
enum class TurnScan : uint8_t { bfc, group, dfc };

/// "bfc", "group", "dfc"
std::string_view name(TurnScan scan);
/// The scan called `name`; nothing when there is none.
std::optional<TurnScan> turn_scan(std::string_view name);

/// MegatronDPP's turn rule (1.3, 1.4): one backward, then one forward, each the first ready one of
/// the scan; whichever exists when only one does. No limit of memory, backward unsplit. Unlike the
/// original, microbatches of a chunk stay in order, so that late messages change no bits, and one
/// rank of a tensor-parallel group decides for all (rule L).
class TurnPolicy final : public Policy {
 public:
  explicit TurnPolicy(TurnScan scan) : scan_(scan) {}
  Decision choose(const View& view) const override;

 private:
  std::optional<Task> first_ready(const RankState& rank, TaskKind kind) const;

  TurnScan scan_;
};

/// MegatronDPP's number of a task, by which its log names it: the place of (chunk, microbatch) in
/// Megatron's table, with chunks counted from the last for a backward.
int64_t virtual_microbatch(const StageMap& stages, const Task& task);

}  // namespace weft::schedule
