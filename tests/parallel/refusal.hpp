#pragma once

#include <string>
#include <utility>
#include <vector>

#include "weft/parallel/problem.hpp"

namespace weft::testing {

/// A wrong configuration and what is said about it.
template <typename Config>
struct Refusal {
  Refusal(Config wrong, const char* expected) : config(std::move(wrong)), message(expected) {}

  Config config;
  std::string message;
};

/// The message of the only problem; otherwise a text that says how many there are and lists them.
inline std::string only_message(const std::vector<parallel::Problem>& problems) {
  if (problems.size() == 1) return problems.front().message;
  std::string text = std::to_string(problems.size()) + " problems";
  for (const parallel::Problem& problem : problems) text += "\n" + problem.message;
  return text;
}

}  // namespace weft::testing
