#include "weft/observe/task_style.hpp"

#include <algorithm>
#include <array>

namespace weft::observe {

using schedule::CommitEntry;
using schedule::CommitLog;
using schedule::kNumTaskKinds;
using schedule::TaskKind;

namespace {

/// [kind][shade], from dark to light.
constexpr std::array<std::array<BoxColour, kNumShades>, kNumTaskKinds> kColours{{
    {{{"#1f4e8c", 25, true},
      {"#3d7cc9", 32, true},
      {"#82b1e8", 75, false},
      {"#c3dbf6", 153, false}}},
    {{{"#17603d", 22, true},
      {"#2f9163", 28, true},
      {"#7cc8a0", 71, false},
      {"#c2e7d2", 151, false}}},
    {{{"#9a5200", 130, true},
      {"#dd9021", 172, false},
      {"#f3bd6b", 215, false},
      {"#fbe1b6", 223, false}}},
    {{{"#572a80", 54, true},
      {"#8558b5", 97, true},
      {"#b796da", 140, false},
      {"#ddcdf0", 183, false}}},
}};

}  // namespace

int64_t shade_of(int64_t chunk, int64_t num_chunks) {
  if (num_chunks <= 1) return 1;
  return std::clamp<int64_t>(chunk * kNumShades / num_chunks, 0, kNumShades - 1);
}

const BoxColour& colour_of(TaskKind kind, int64_t shade) {
  return kColours.at(static_cast<size_t>(kind)).at(static_cast<size_t>(shade));
}

std::vector<ShadedChunks> shaded_chunks(int64_t num_chunks) {
  std::vector<ShadedChunks> groups;
  for (int64_t chunk = 0; chunk < num_chunks; ++chunk) {
    const int64_t shade = shade_of(chunk, num_chunks);
    if (groups.empty() || groups.back().shade != shade) groups.push_back({shade, chunk, chunk});
    groups.back().last = chunk;
  }
  return groups;
}

std::string_view description(TaskKind kind) {
  switch (kind) {
    case TaskKind::forward:
      return "forward";
    case TaskKind::backward_input:
      return "input gradient";
    case TaskKind::backward_weight:
      return "weight gradient";
    case TaskKind::backward:
      return "backward";
  }
  return "";
}

std::string_view short_description(TaskKind kind) {
  switch (kind) {
    case TaskKind::forward:
      return "fwd";
    case TaskKind::backward_input:
      return "dX";
    case TaskKind::backward_weight:
      return "dW";
    case TaskKind::backward:
      return "bwd";
  }
  return "";
}

std::vector<TaskKind> kinds_in(const CommitLog& log) {
  std::array<bool, kNumTaskKinds> found{};
  for (const auto& rank : log.ranks) {
    for (const CommitEntry& entry : rank) found.at(static_cast<size_t>(entry.task.kind)) = true;
  }
  std::vector<TaskKind> kinds;
  for (size_t kind = 0; kind < kNumTaskKinds; ++kind) {
    if (found.at(kind)) kinds.push_back(static_cast<TaskKind>(kind));
  }
  return kinds;
}

}  // namespace weft::observe
