#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "weft/schedule/commit_log.hpp"

namespace weft::observe {

/// A colour for the box of a task, as a page and as a terminal with 256 colours name it.
struct BoxColour {
  std::string_view hex;
  int terminal = 0;
  bool is_dark = false;  ///< text on it is white, else black
};

/// Chunks are told apart by at most so many shades of their kind's colour.
inline constexpr int64_t kNumShades = 4;

/// Shade of a chunk, from 0, dark, for the first layers to kNumShades - 1, light. With more chunks
/// than shades, neighbours share one.
int64_t shade_of(int64_t chunk, int64_t num_chunks);

/// Colour of a kind of task: F blue, B green, W amber, D violet.
const BoxColour& colour_of(schedule::TaskKind kind, int64_t shade);

/// The chunks from `first` to `last` that have the same shade.
struct ShadedChunks {
  int64_t shade = 0;
  int64_t first = 0;
  int64_t last = 0;
};
/// All chunks of a pipeline by shade, for a legend.
std::vector<ShadedChunks> shaded_chunks(int64_t num_chunks);

/// What a kind does, in a legend's words: "forward", "input gradient".
std::string_view description(schedule::TaskKind kind);
/// The same in at most three letters: "fwd", "dX".
std::string_view short_description(schedule::TaskKind kind);

/// The kinds of task in the log, in the order of TaskKind.
std::vector<schedule::TaskKind> kinds_in(const schedule::CommitLog& log);

}  // namespace weft::observe
