// weft selftest on the processor, where both sides of every check are the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "cli/simulate_runs.hpp"

namespace weft::testing {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

TEST(SelftestCommand, EndsWithATableAndAVerdict) {
  const CommandResult result = weft("selftest --device cpu --group attention");
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("self-test of cpu\n  attention "));
  EXPECT_THAT(result.out, HasSubstr(" 0 failed, "));
  EXPECT_THAT(result.out, HasSubstr("\npassed\n"));
  EXPECT_THAT(weft("selftest --device cpu --group attention --all").out,
              HasSubstr("ok     attention  attention_with_cache f16: 0.00e+00"));
}

TEST(SelftestCommand, RefusesAGroupThatIsNone) {
  const CommandResult result = weft("selftest --group kernel");
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.err, HasSubstr("kernel"));
}

TEST(SelftestCommandSlow, KernelsAndTrainingPassOnTheProcessor) {
  const CommandResult result =
      weft("selftest --device cpu --group kernels --group training --json");
  ASSERT_EQ(result.exit_code, 0) << result.out << result.err;
  const Json json = Json::parse(result.out);
  EXPECT_EQ(json.at("device"), "cpu");
  EXPECT_EQ(json.at("passed"), true);
  EXPECT_GT(json.at("checks").size(), 200U);
  for (const Json& check : json.at("checks")) {
    EXPECT_EQ(check.at("error"), 0.0) << check.at("name");
  }
}

}  // namespace
}  // namespace weft::testing
