#include "weft/train/rank_log.hpp"

#include <algorithm>
#include <array>

namespace weft::train {

namespace {

constexpr size_t kHead = 2;   // start and number of entries
constexpr size_t kEntry = 6;  // kind, chunk, microbatch, arrived, start, end
constexpr double kMinuteUs = 60e6;

}  // namespace

std::vector<double> pack(const RankLog& log, size_t most) {
  std::vector<double> packed{log.start, static_cast<double>(log.entries.size())};
  packed.reserve(kHead + kEntry * most);
  for (const schedule::CommitEntry& entry : log.entries) {
    const std::array<double, kEntry> numbers{static_cast<double>(entry.task.kind),
                                             static_cast<double>(entry.task.chunk),
                                             static_cast<double>(entry.task.microbatch),
                                             entry.arrived,
                                             entry.start,
                                             entry.end};
    packed.insert(packed.end(), numbers.begin(), numbers.end());
  }
  packed.resize(kHead + kEntry * most);
  return packed;
}

RankLog unpack(std::span<const double> packed) {
  RankLog log{.start = packed[0], .entries = {}};
  for (size_t i = 0; i < static_cast<size_t>(packed[1]); ++i) {
    const auto numbers = packed.subspan(kHead + kEntry * i, kEntry);
    log.entries.push_back({.task = {.kind = static_cast<schedule::TaskKind>(numbers[0]),
                                    .chunk = static_cast<int64_t>(numbers[1]),
                                    .microbatch = static_cast<int64_t>(numbers[2])},
                           .arrived = numbers[3],
                           .start = numbers[4],
                           .end = numbers[5]});
  }
  return log;
}

schedule::CommitLog join(const schedule::StageMap& stages, int64_t num_microbatches,
                         std::span<const RankLog> ranks) {
  schedule::CommitLog log{
      .stages = stages, .num_microbatches = num_microbatches, .time_unit = "us", .ranks = {}};
  const auto [first, last] = std::ranges::minmax(ranks, {}, &RankLog::start);
  const bool one_clock = last.start - first.start < kMinuteUs;
  for (const RankLog& rank : ranks) {
    const double shift = one_clock ? rank.start - first.start : 0.0;
    std::vector<schedule::CommitEntry>& entries = log.ranks.emplace_back(rank.entries);
    for (schedule::CommitEntry& entry : entries) {
      // An input that was there at the start stays without a time of its own.
      if (entry.arrived > 0) entry.arrived += shift;
      entry.start += shift;
      entry.end += shift;
    }
  }
  return log;
}

}  // namespace weft::train
