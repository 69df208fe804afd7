#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace weft::data {

/// The three parts of a data set.
enum class Split : uint8_t { train, valid, test };
inline constexpr std::array<Split, 3> kSplits{Split::train, Split::valid, Split::test};

/// "train", "valid", "test"
const char* name(Split split);

/// Share of the data that a split takes, as fractions of the whole: [begin, end).
struct SplitRange {
  double begin = 0.0;
  double end = 1.0;
};

/// Shares of train, valid and test; nothing for a split of weight 0.
using SplitMatrix = std::array<std::optional<SplitRange>, 3>;

/// Parses --split, for example "949,50,1" (reference/megatron.md 3.2). Throws Error{usage} when it
/// holds more than three numbers or none that is positive.
SplitMatrix parse_split(const std::string& text);

/// Sequences [begin, end) of `num_sequences` that a share stands for, rounded half to even.
std::array<int64_t, 2> sequence_range(const SplitRange& range, int64_t num_sequences);

}  // namespace weft::data
