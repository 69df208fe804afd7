#pragma once

#include <cstdint>
#include <string>

#include "weft/schedule/commit_log.hpp"

namespace weft::observe {

/// How the picture of a log is drawn.
struct SvgOptions {
  std::string title;    ///< above the picture, UTF-8; none when empty
  int64_t width = 960;  ///< pixels; at least kLeastSvgWidth
  /// End of the time axis if that is later than the log's, so that pictures share a scale.
  double end = 0;
};

inline constexpr int64_t kLeastSvgWidth = 320;

/// The log as an SVG picture that needs nothing else: a lane per rank with a box per task, coloured
/// by kind, shaded by chunk and numbered by microbatch where the number fits; each rank's share of
/// idle time; a time axis and a legend. The same log gives the same bytes. Throws Error{usage} when
/// the width is below kLeastSvgWidth.
std::string to_svg(const schedule::CommitLog& log, const SvgOptions& options);

}  // namespace weft::observe
