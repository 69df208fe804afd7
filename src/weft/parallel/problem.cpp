#include "weft/parallel/problem.hpp"

#include <fmt/format.h>

#include "weft/base/error.hpp"

namespace weft::parallel {

bool check_size(std::string_view flag, int64_t value, std::vector<Problem>& problems) {
  if (value >= 1 && value <= kLargestSize) return true;
  const std::string expected =
      value < 1 ? std::string("at least 1") : fmt::format("at most {}", kLargestSize);
  problems.push_back(
      {fmt::format("{} is out of range (got {}, expected {})", flag, value, expected),
       std::string(flag)});
  return false;
}

void throw_problems(std::string_view subject, const std::vector<Problem>& problems) {
  if (problems.empty()) return;
  if (problems.size() == 1) {
    fail_with_hint(ErrorKind::usage, problems.front().hint, "{}", problems.front().message);
  }
  std::string lines;
  for (const Problem& problem : problems) {
    lines += fmt::format("\n  {}; try {}", problem.message, problem.hint);
  }
  fail(ErrorKind::usage, "{} problems with {}{}", problems.size(), subject, lines);
}

}  // namespace weft::parallel
