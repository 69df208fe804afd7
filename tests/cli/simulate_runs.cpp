#include "cli/simulate_runs.hpp"

#include <gtest/gtest.h>

namespace weft::testing {

CommandResult weft(const std::string& words, const std::string& environment) {
  return run_command(environment + " " + WEFT_BINARY + " " + words);
}

nlohmann::json simulate_json(const std::string& words) {
  const CommandResult result = weft("simulate " + words + " --json");
  EXPECT_EQ(result.exit_code, 0) << words << ": " << result.err;
  const auto json = nlohmann::json::parse(result.out, nullptr, false);
  EXPECT_TRUE(json.is_object()) << words << ": " << result.out;
  return json.is_object() ? json : nlohmann::json();
}

double makespan(const std::string& words) {
  const nlohmann::json result = simulate_json(words);
  return result.is_object() ? result.value("makespan", -1.0) : -1.0;
}

void expect_refused(const std::string& words, int exit_code,
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
