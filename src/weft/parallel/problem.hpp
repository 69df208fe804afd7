#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weft::parallel {

/// What is wrong with a configuration: values that contradict each other, with the numbers, and the
/// flag to change. Kept apart from Error so that all of them are reported at once.
struct Problem {
  std::string message;
  std::string hint;

  friend bool operator==(const Problem&, const Problem&) = default;
};

/// The flag that names most problems.
inline constexpr const char* kPipelineFlag = "--pipeline-model-parallel-size";

/// The largest size of an axis and the largest number of layers: products of three stay exact.
inline constexpr int64_t kLargestSize = 1'000'000;

/// Adds a problem unless `value` is in [1, kLargestSize]; whether it is.
bool check_size(std::string_view flag, int64_t value, std::vector<Problem>& problems);

/// Throws Error{usage} when there are problems: the one, or all of them, one a line, under "N
/// problems with SUBJECT".
void throw_problems(std::string_view subject, const std::vector<Problem>& problems);

}  // namespace weft::parallel
