// weft explain: from the log of a step to where its time went.
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "cli/simulate_runs.hpp"

namespace weft::testing {
namespace {

using Json = nlohmann::json;

class ExplainCommand : public ::testing::Test {
 protected:
  std::string log() const { return (dir / "step.csv").string(); }

  /// Simulates with the flags and explains the log.
  Json explain(const std::string& flags) const {
    const Json run = simulate_json(flags + kSize + "--commit-log " + log());
    const CommandResult result = weft("explain --json " + log());
    EXPECT_EQ(result.exit_code, 0) << result.err;
    Json explained = Json::parse(result.out);
    EXPECT_NEAR(explained.at("makespan").get<double>(), run.at("makespan").get<double>(), 1e-9);
    if (flags.find("--cap") == std::string::npos) {  // which a log does not know
      EXPECT_NEAR(explained.at("bound").get<double>(), run.at("lower_bound").get<double>(), 1e-9);
    }
    return explained;
  }

  TempDir dir;
};

double part(const Json& explained, const std::string& name) { return explained.at(name); }

TEST_F(ExplainCommand, PartsSumToTheMakespan) {
  for (const char* flags :
       {"--schedule 1f1b", "--schedule interleaved --latency 0.5 --jitter 0.3",
        "--schedule zb-v --slow-rank 1:1.5", "--schedule dualpipe-v --jitter 0.3",
        "--policy dfc --cap 9 --latency 0.5 --link-jitter 1 --length-jitter 0.3"}) {
    const Json explained = explain(flags);
    const double sum = part(explained, "work") + part(explained, "warmup") +
                       part(explained, "memory") + part(explained, "latency") +
                       part(explained, "jitter") + part(explained, "overhead");
    EXPECT_NEAR(sum, part(explained, "makespan"), 1e-9) << flags;
    EXPECT_NEAR(part(explained, "overhead"), 0, 1e-9) << flags << ": a simulation has none";
    EXPECT_GT(part(explained, "warmup"), 0) << flags;
  }
}

TEST_F(ExplainCommand, EveryCauseHasItsPart) {
  const Json calm = explain("--schedule interleaved");
  EXPECT_EQ(part(calm, "work"), 96);
  EXPECT_EQ(part(calm, "warmup"), 9);
  EXPECT_EQ(part(calm, "memory"), 0);
  EXPECT_EQ(part(calm, "latency"), 0);
  EXPECT_EQ(part(calm, "jitter"), 0);
  const Json late = explain("--schedule interleaved --latency 0.5");
  EXPECT_EQ(part(late, "latency"), 15);
  EXPECT_GT(part(explain("--schedule interleaved --jitter 0.3"), "jitter"), 1);
  EXPECT_GT(part(explain("--policy dfc --cap 4"), "memory"), 50);
}

TEST_F(ExplainCommand, ThePathRunsFromTheStartToTheEnd) {
  const Json explained = explain("--schedule interleaved --latency 0.5 --jitter 0.3");
  const Json& path = explained.at("critical_path");
  ASSERT_GT(path.size(), 10U);
  EXPECT_EQ(path.front().at("reason"), "step");
  EXPECT_EQ(path.front().at("start"), 0);
  EXPECT_EQ(path.front().at("task"), "F0.0");
  EXPECT_EQ(path.back().at("end"), explained.at("makespan"));
  for (size_t i = 1; i < path.size(); ++i) {
    const double wait = path[i].at("wait");
    EXPECT_NEAR(path[i].at("start").get<double>(), path[i - 1].at("end").get<double>() + wait,
                1e-9);
    EXPECT_EQ(path[i].at("reason") == "message", path[i].at("rank") != path[i - 1].at("rank")) << i;
    if (path[i].at("reason") == "message") {
      EXPECT_NEAR(wait, 0.5, 1e-9);
    }
  }
}

TEST_F(ExplainCommand, TextHasABudgetAndAPath) {
  simulate_json("--schedule 1f1b --commit-log " + log() + kSize);
  const CommandResult result = weft("explain --quiet " + log());
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out.find("makespan 132 units, lower bound 132 (gap 0.00 %)\n"), 0U);
  for (const char* line : {"\n  work ", "\n  warm-up ", "\n  memory ", "\n  latency ",
                           "\n  jitter ", "\n  overhead ", "\ncritical path, "}) {
    EXPECT_NE(result.out.find(line), std::string::npos) << line << result.out;
  }
}

TEST_F(ExplainCommand, AStepWithoutTimeIsExplainedToo) {
  simulate_json("--schedule 1f1b --costs 0,0,0 --commit-log " + log() + kSize);
  const CommandResult result = weft("explain " + log());
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.out.find("nan"), std::string::npos) << result.out;
}

TEST_F(ExplainCommand, TimeBetweenTasksIsOverhead) {
  // A recorded step of one rank whose second task started two units late.
  write_file(dir / "step.csv",
             "# weft commit log 1: mapping=loop ranks=1 chunks=1 microbatches=1 unit=us\n"
             "rank,seq,kind,chunk,microbatch,stage,arrived,start,end\n"
             "0,0,F,0,0,0,0,0,3\n"
             "0,1,D,0,0,0,3,5,9\n");
  const CommandResult result = weft("explain --json " + log());
  ASSERT_EQ(result.exit_code, 0) << result.err;
  const Json explained = Json::parse(result.out);
  EXPECT_EQ(part(explained, "makespan"), 9);
  EXPECT_EQ(part(explained, "work"), 7);
  EXPECT_EQ(part(explained, "overhead"), 2);
  EXPECT_EQ(explained.at("critical_path")[1].at("reason"), "idle");
  EXPECT_NE(weft("explain " + log()).out.find("makespan 9 us"), std::string::npos);
}

TEST_F(ExplainCommand, DamagedLogsAreNamedWithTheirLine) {
  simulate_json("--schedule 1f1b --commit-log " + log() + kSize);
  const std::string good = read_file(log());
  std::vector<std::string> lines(1);
  for (const char c : good) {
    lines.back() += c;
    if (c == '\n') lines.emplace_back();
  }
  const auto expect_fault = [&](const std::string& text, const std::string& where) {
    write_file(dir / "bad.csv", text);
    const std::string bad = (dir / "bad.csv").string();
    expect_refused("explain " + bad, 3, {bad + where});
  };
  expect_fault("", "");
  expect_fault("0F0,0B0\n", ":1: ");
  expect_fault(lines[0] + lines[1] + lines[2], ":1: ");
  expect_fault(good + lines[2], ":67: ");
  std::string text = good;
  text.replace(text.find(lines[4]), lines[4].size(), "0,2,F,0,2,0,0,nan,12\n");
  expect_fault(text, ":5: got start \"nan\"");
  text = good;
  text.replace(text.find("ranks=4"), 7, "ranks=4000000000");
  expect_fault(text, ":1: ");
}

TEST_F(ExplainCommand, RefusesWhatIsNoLog) {
  expect_refused("explain", 2, {"LOG is missing", "try weft explain --help"});
  expect_refused("explain a b", 2, {"unexpected word (got b"});
  expect_refused("explain --jsn a", 2, {"unknown option (got --jsn", "try --json"});
  expect_refused("explain " + (dir / "absent").string(), 3, {"cannot open", "absent"});
  expect_refused("explain " + dir.path().string(), 3, {"not a regular file"});
  const CommandResult json = weft("explain --json " + (dir / "absent").string());
  EXPECT_EQ(Json::parse(json.out).at("error").at("kind"), "data");
}

}  // namespace
}  // namespace weft::testing
