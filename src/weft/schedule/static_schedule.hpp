#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "weft/schedule/pipeline_schedule.hpp"

namespace weft::schedule {

/// What a static schedule is made for.
struct StaticConfig {
  int64_t num_ranks = 1;
  int64_t virtual_chunks = 1;  ///< VPP; used by the schedules whose number of chunks is free
  int64_t num_microbatches = 1;
  /// Consecutive microbatches of a chunk in the interleaved family; 0: num_ranks.
  int64_t group_size = 0;
};

/// How many chunks per rank a schedule is defined for.
enum class ChunkRule : uint8_t { one, two, free };

/// A static schedule that has a name.
struct StaticSchedule {
  std::string_view name;  ///< as shared by every command
  Mapping mapping;
  ChunkRule chunks;
  bool splits_backward;
  std::string_view summary;
  PipelineSchedule (*make)(const StaticConfig&);

  int64_t num_chunks(int64_t virtual_chunks) const {
    return chunks == ChunkRule::one ? 1 : chunks == ChunkRule::two ? 2 : virtual_chunks;
  }
};

/// All of them, from the simplest on.
std::span<const StaticSchedule> static_schedules();

/// The schedule called `name`; '_' and '-' are the same. Throws Error{usage} that lists the names.
const StaticSchedule& static_schedule(std::string_view name);

/// The orders of all ranks. Throws Error{usage} when the schedule does not exist for the number of
/// ranks, chunks or microbatches.
PipelineSchedule make_static(const StaticSchedule& schedule, const StaticConfig& config);

// The generators; sources: reference/schedules.md 1 and A.3.

/// All forwards, chunk by chunk, then all backwards in reverse chunk order: GPipe with one chunk,
/// breadth-first (Lamy-Poirier 2023) with more.
PipelineSchedule fill_drain(const StaticConfig& config);

/// Warm-up, then one forward and one backward in turn, over Megatron's table of virtual
/// microbatches (Narayanan et al. 2021).
PipelineSchedule one_forward_one_backward(const StaticConfig& config);

/// The same with split backward: each W follows its B by `rank` (1) or 2 `rank` (2) backwards.
/// zb-h1 is the first with one chunk (Qi et al. 2024).
PipelineSchedule interleaved_zb1p(const StaticConfig& config);
PipelineSchedule interleaved_zb_w2(const StaticConfig& config);

/// Nearly twice the warm-up of 1F1B, so that no rank waits for the first backward (Qi et al. 2024).
PipelineSchedule zb_h2(const StaticConfig& config);

/// Zero bubble on a V: the first and the last stage share rank 0 (Qi et al. 2024).
PipelineSchedule zb_v(const StaticConfig& config);

/// DualPipe cut in half; an overlapped pair F&D is written as F, then D (DeepSeek 2025).
PipelineSchedule dualpipe_v(const StaticConfig& config);

/// A V whose building block holds a half (v_half) or a third (v_min) of 1F1B's activations
/// (Qi et al. 2024, controllable memory).
PipelineSchedule v_half(const StaticConfig& config);
PipelineSchedule v_min(const StaticConfig& config);

}  // namespace weft::schedule
