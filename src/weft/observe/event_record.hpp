#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::observe {

/// Records of TensorBoard's event files (reference/ecosystem.md 3.3): protocol buffers of type
/// Event, encoded by hand. Times are seconds since 1970.

/// What an event file begins with: the version of its format.
std::string version_event(double wall_time);

/// One point of a curve.
std::string scalar_event(double wall_time, int64_t step, std::string_view tag, float value);

/// A text as PyTorch's SummaryWriter.add_text writes it, under `tag`/text_summary.
std::string text_event(double wall_time, int64_t step, std::string_view tag, std::string_view text);

/// An event as it lies in the file: its length, the length's checksum, the event, its checksum.
std::string framed(std::string_view event);

}  // namespace weft::observe
