#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "support/temp_dir.hpp"

namespace weft::testing {

/// Runs the program under `environment` ("NAME=value ...").
inline CommandResult weft(const std::string& words, const std::string& environment = "") {
  return run_command(environment + " " + WEFT_BINARY + " " + words);
}

/// The size of the reference results that the tests use (reference/schedules.md 3.2).
inline const std::string kSize = " --pp 4 --vpp 4 --microbatches 8 ";

/// The object that `weft simulate WORDS --json` prints; null with a failure when there is none.
inline nlohmann::json simulate_json(const std::string& words) {
  const CommandResult result = weft("simulate " + words + " --json");
  EXPECT_EQ(result.exit_code, 0) << words << ": " << result.err;
  const auto json = nlohmann::json::parse(result.out, nullptr, false);
  EXPECT_TRUE(json.is_object()) << words << ": " << result.out;
  return json;
}

inline double makespan(const std::string& words) {
  return simulate_json(words).value("makespan", -1.0);
}

/// Expects `weft WORDS` to end with `exit_code` and an error block with all `parts`, and nothing on
/// stdout.
inline void expect_refused(const std::string& words, int exit_code,
                           const std::vector<std::string>& parts) {
  const CommandResult result = weft(words);
  EXPECT_EQ(result.exit_code, exit_code) << words << "\n" << result.err;
  EXPECT_EQ(result.out, "") << words;
  EXPECT_EQ(result.err.find("error: "), 0U) << words << "\n" << result.err;
  for (const std::string& part : parts) {
    EXPECT_NE(result.err.find(part), std::string::npos) << words << "\n" << result.err << part;
  }
}

}  // namespace weft::testing
