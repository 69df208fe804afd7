#include "weft/schedule/static_schedule.hpp"

#include <algorithm>
#include <array>

#include "weft/base/error.hpp"

namespace weft::schedule {

namespace {

constexpr std::array<StaticSchedule, 12> kSchedules = {{
    {"gpipe", Mapping::loop, ChunkRule::one, false, "all forwards, then all backwards", fill_drain},
    {"1f1b", Mapping::loop, ChunkRule::one, false, "warm-up, then forward and backward in turn",
     one_forward_one_backward},
    {"interleaved", Mapping::loop, ChunkRule::free, false, "1f1b over virtual chunks (Megatron)",
     one_forward_one_backward},
    {"breadth-first", Mapping::loop, ChunkRule::free, false, "all microbatches chunk by chunk",
     fill_drain},
    {"zb-h1", Mapping::loop, ChunkRule::one, true, "1f1b with weight gradients in the bubble",
     interleaved_zb1p},
    {"zb-h2", Mapping::loop, ChunkRule::one, true, "zb-h1 with twice the warm-up", zb_h2},
    {"zb-v", Mapping::wave, ChunkRule::two, true, "zero bubble on a V, memory of 1f1b", zb_v},
    {"v-half", Mapping::wave, ChunkRule::two, true, "a V at half of 1f1b's memory", v_half},
    {"v-min", Mapping::wave, ChunkRule::two, true, "a V at a third of 1f1b's memory", v_min},
    {"dualpipe-v", Mapping::wave, ChunkRule::two, true, "DualPipe cut in half", dualpipe_v},
    {"interleaved-zb1p", Mapping::loop, ChunkRule::free, true,
     "interleaved, split backward, memory of 1f1b", interleaved_zb1p},
    {"interleaved-zb-w2", Mapping::loop, ChunkRule::free, true,
     "interleaved, split backward, late weight gradients", interleaved_zb_w2},
}};

std::string with_dashes(std::string_view name) {
  std::string text(name);
  std::ranges::replace(text, '_', '-');
  return text;
}

}  // namespace

std::span<const StaticSchedule> static_schedules() { return kSchedules; }

const StaticSchedule& static_schedule(std::string_view name) {
  const std::string wanted = with_dashes(name);
  std::string names;
  for (const StaticSchedule& schedule : kSchedules) {
    if (schedule.name == wanted) return schedule;
    names += (names.empty() ? "" : ", ") + std::string(schedule.name);
  }
  fail(ErrorKind::usage, "no schedule has this name (got {}, expected one of {})", name, names);
}

PipelineSchedule make_static(const StaticSchedule& schedule, const StaticConfig& config) {
  check(config.num_ranks > 0 && config.virtual_chunks > 0 && config.num_microbatches > 0,
        ErrorKind::usage, "{} ranks, {} virtual chunks, {} microbatches (expected at least 1 each)",
        config.num_ranks, config.virtual_chunks, config.num_microbatches);
  StaticConfig exact = config;
  exact.virtual_chunks = schedule.num_chunks(config.virtual_chunks);
  return schedule.make(exact);
}

}  // namespace weft::schedule
