// weft bench schedules on a size that takes a moment.
#include <gtest/gtest.h>

#include <set>
#include <sstream>
#include <string>

#include "cli/simulate_runs.hpp"

namespace weft::testing {
namespace {

using Json = nlohmann::json;

const std::string kSmall = "bench schedules --pp 2 --vpp 2 --microbatches 4 ";

TEST(BenchSchedulesCommand, JsonHasEveryScheduleAndScenario) {
  const CommandResult result = weft(kSmall + "--json --quiet");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  EXPECT_EQ(result.err, "");
  const Json json = Json::parse(result.out);
  EXPECT_GT(json.at("tasks_per_s"), 1000);
  ASSERT_EQ(json.at("configs").size(), 1U);
  const Json& config = json.at("configs")[0];
  EXPECT_EQ(config.at("pp"), 2);
  EXPECT_EQ(config.at("vpp"), 2);
  EXPECT_EQ(config.at("microbatches"), 4);
  EXPECT_EQ(config.at("bound").at("uniform"), 25) << "3 x 2 x 4 and a chunk's forward";
  EXPECT_EQ(config.at("bound").at("slow rank"), 37);
  EXPECT_EQ(config.at("bound").at("latency"), 25.5);
  std::set<std::string> names;
  std::multiset<std::string> budgets;
  for (const Json& row : config.at("rows")) {
    names.insert(row.at("name"));
    if (row.at("name") == "planner") budgets.insert(row.at("budget").get<std::string>());
    EXPECT_GE(row.at("peak_mem"), 2) << row;
    EXPECT_LE(row.at("peak_mem"), 8) << row;
    for (const char* scenario : {"uniform", "slow rank", "latency", "jitter"}) {
      const Json& cell = row.at(scenario);
      const double makespan = cell.at("makespan");
      EXPECT_GE(cell.at("over_bound"), 1 - 1e-12) << row;
      EXPECT_DOUBLE_EQ(cell.at("over_bound").get<double>(),
                       makespan / config.at("bound").at(scenario).get<double>());
      EXPECT_EQ(cell.contains("choice"), row.at("name") == "planner") << row;
    }
  }
  for (const char* name :
       {"gpipe", "1f1b", "interleaved", "breadth-first", "zb-h1", "zb-h2", "zb-v", "v-half",
        "v-min", "dualpipe-v", "interleaved-zb1p", "interleaved-zb-w2", "list dfc N=3 loop 2",
        "list bfc N=3 wave 2", "list deep N=3 wave 2", "list critical-path N=3 loop 2",
        "megatron-dpp (unsplit)"}) {
    EXPECT_EQ(names.count(name), 1U) << name;
  }
  EXPECT_EQ(budgets, (std::multiset<std::string>{"half", "1f1b", "interleaved", "double"}));
}

TEST(BenchSchedulesCommand, FiguresAreThoseOfSimulate) {
  const Json rows = Json::parse(weft(kSmall + "--json --quiet").out).at("configs")[0].at("rows");
  for (const Json& row : rows) {
    if (row.at("name") != "interleaved") continue;
    const std::string run = "--schedule interleaved --pp 2 --vpp 2 --microbatches 4 ";
    EXPECT_EQ(row.at("uniform").at("makespan"), makespan(run));
    EXPECT_EQ(row.at("slow rank").at("makespan"), makespan(run + "--slow-rank 1:1.5"));
    EXPECT_EQ(row.at("latency").at("makespan"), makespan(run + "--latency 0.5"));
    double sum = 0;
    for (const char* seed : {"1", "2", "3", "4", "5"}) {
      sum += makespan(run + "--jitter 0.3 --seed " + seed);
    }
    EXPECT_DOUBLE_EQ(row.at("jitter").at("makespan").get<double>(), sum / 5);
  }
}

TEST(BenchSchedulesCommand, TheTableFitsAPage) {
  const CommandResult result = weft(kSmall + "--quiet");
  ASSERT_EQ(result.exit_code, 0) << result.err;
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100U) << line;
    EXPECT_TRUE(line.empty() || line.back() != ' ') << line;
  }
  for (const char* part : {"PP2 VPP2 M4", "  lower bound ", "\nstatic schedules\n", "  zb-v ",
                           "  given half memory ", "million a second\n"}) {
    EXPECT_NE(result.out.find(part), std::string::npos) << part << "\n" << result.out;
  }
}

TEST(BenchSchedulesCommand, SchedulesThatDoNotExistForTheSizeAreLeftOutAndSaid) {
  const CommandResult result = weft("bench schedules --pp 4 --vpp 2 --microbatches 4");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_NE(result.err.find("left out dualpipe-v: "), std::string::npos) << result.err;
  EXPECT_EQ(result.out.find("  dualpipe-v "), std::string::npos);
  EXPECT_EQ(weft("bench schedules --pp 1 --vpp 1 --microbatches 1 --quiet").exit_code, 0);
}

TEST(BenchSchedulesCommand, Refusals) {
  expect_refused("bench", 2, {"weft bench what?", "expected one of schedules"});
  expect_refused("bench speed", 2, {"got weft bench speed", "expected one of schedules"});
  expect_refused("bench schedules --pp 2", 2, {"a size is incomplete (got 1", "or none of them"});
  expect_refused("bench schedules --pp 0 --vpp 1 --microbatches 1", 2, {"got --pp 0", "1 to 256"});
  expect_refused("bench schedules --pp 256 --vpp 64 --microbatches 4096", 2, {"at most a million"});
  expect_refused("bench schedules --pp x --vpp 1 --microbatches 1", 2, {"a whole number"});
}

}  // namespace
}  // namespace weft::testing
