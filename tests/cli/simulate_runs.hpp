#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace weft::testing {

/// The size of the reference results that the tests use (reference/schedules.md 3.2).
inline const std::string kSize = " --pp 4 --vpp 4 --microbatches 8 ";

/// Runs the program under `environment` ("NAME=value ...").
CommandResult weft(const std::string& words, const std::string& environment = "");

/// The object that `weft simulate WORDS --json` prints; null with a failure when there is none.
nlohmann::json simulate_json(const std::string& words);

/// Its makespan; -1 when there is none.
double makespan(const std::string& words);

/// Expects `weft WORDS` to end with `exit_code` and an error block with all `parts`, and nothing on
/// stdout.
void expect_refused(const std::string& words, int exit_code, const std::vector<std::string>& parts);

}  // namespace weft::testing
