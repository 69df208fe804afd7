// weft simulate: what it runs, what its flags change, and what it refuses. Its files and charts are
// in simulate_output_test.cpp.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/simulate_runs.hpp"

namespace weft::testing {
namespace {

using Json = nlohmann::json;
using Peaks = std::vector<double>;

double peak(const Json& result) { return result.at("peak_mem").get<std::vector<double>>().at(0); }

TEST(SimulateCommand, EverySchedulesFiguresAreTheReferences) {
  struct Row {
    std::string name;
    double makespan, span, peak;
    std::string mapping;
    int chunks, tasks;
  };
  const std::vector<Row> rows = {
      {"gpipe", 132, 132, 32, "loop", 1, 64},
      {"1f1b", 132, 132, 16, "loop", 1, 64},
      {"interleaved", 105, 105, 19, "loop", 4, 256},
      {"breadth-first", 105, 105, 32, "loop", 4, 256},
      {"zb-h1", 108, 108, 16, "loop", 1, 96},
      {"zb-h2", 108, 96, 28, "loop", 1, 96},
      {"zb-v", 102, 96, 16, "wave", 2, 192},
      {"v-half", 106, 106, 12, "wave", 2, 192},
      {"v-min", 118, 118, 8, "wave", 2, 192},
      {"dualpipe-v", 102, 102, 18, "wave", 2, 150},
      {"interleaved-zb1p", 99, 99, 16, "loop", 4, 384},
      {"interleaved-zb-w2", 99, 96, 19, "loop", 4, 384},
  };
  for (const Row& row : rows) {
    const Json result = simulate_json("--schedule " + row.name + kSize);
    EXPECT_EQ(result.at("schedule"), row.name);
    EXPECT_EQ(result.at("makespan"), row.makespan) << row.name;
    EXPECT_EQ(result.at("max_rank_span"), row.span) << row.name;
    EXPECT_EQ(peak(result), row.peak) << row.name;
    EXPECT_EQ(result.at("mapping"), row.mapping) << row.name;
    EXPECT_EQ(result.at("chunks"), row.chunks) << row.name;
    EXPECT_EQ(result.at("tasks"), row.tasks) << row.name;
    std::string underscores = row.name;
    std::ranges::replace(underscores, '-', '_');
    EXPECT_EQ(simulate_json("--schedule " + underscores + kSize), result) << row.name;
  }
}

TEST(SimulateCommand, JsonHoldsEveryField) {
  const Json result = simulate_json("--schedule interleaved" + kSize);
  EXPECT_EQ(result.at("makespan"), 105);
  EXPECT_EQ(result.at("max_rank_span"), 105);
  EXPECT_DOUBLE_EQ(result.at("bubble").get<double>(), 1 - 96.0 / 105);
  EXPECT_EQ(result.at("peak_mem"), (Peaks{19, 17, 15, 13}));
  EXPECT_EQ(result.at("lower_bound"), 105);
  EXPECT_EQ(result.at("gap"), 0);
  EXPECT_EQ(result.at("deadlock"), false);
  EXPECT_EQ(result.at("tasks"), 256);
  const Json late = simulate_json("--schedule interleaved --latency 0.5" + kSize);
  EXPECT_EQ(late.at("lower_bound"), 108);
  EXPECT_DOUBLE_EQ(late.at("gap").get<double>(), 120.0 / 108 - 1);
}

TEST(SimulateCommand, TextSaysTheSame) {
  const CommandResult result = weft("simulate --schedule interleaved" + kSize);
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(result.out,
            "interleaved: 4 ranks x 4 chunks (loop), 8 microbatches, 256 tasks\n"
            "  makespan      105 (largest span of a rank 105)\n"
            "  lower bound   105 (gap 0.00 %)\n"
            "  bubble        8.57 %\n"
            "  peak memory   19 17 15 13 (by rank, in VPP chunks of one microbatch)\n");
  EXPECT_EQ(weft("simulate --schedule 1f1b --pp 1 --microbatches 1").out.substr(0, 46),
            "1f1b: 1 rank x 1 chunk (loop), 1 microbatch, 2");
}

TEST(SimulateCommand, EveryPolicyRuns) {
  struct Row {
    std::string flags;
    double makespan, peak;
  };
  // Those with a cap or unsplit are rows of reference/schedules.md 3.3.
  const std::vector<Row> rows = {
      {"--policy bfc --cap 16", 135, 16},
      {"--policy dfc --cap 16", 101, 16},
      {"--policy dfc --cap 8 --wip auto", 127, 8},
      {"--policy deep --cap 8 --wip auto --mapping wave --chunks 2", 120, 8},
      {"--policy deep --cap 19 --wip auto --mapping wave", 99, 19},
      {"--policy bfc --no-split-backward", 107, 32},
      {"--policy critical-path", 102, 32},
      {"--policy cp", 102, 32},
      {"--policy critical_path", 102, 32},
      {"--policy megatron-dpp", 105, 32},
      {"--policy megatron_dpp", 105, 32},
  };
  for (const Row& row : rows) {
    const Json result = simulate_json(row.flags + kSize);
    EXPECT_EQ(result.at("makespan"), row.makespan) << row.flags;
    EXPECT_EQ(peak(result), row.peak) << row.flags;
    EXPECT_EQ(result.at("deadlock"), false) << row.flags;
  }
  EXPECT_NE(makespan("--policy critical-path-by-kind --cap 16" + kSize),
            makespan("--policy critical-path --cap 16" + kSize));
}

TEST(SimulateCommand, AutoReportsThePlan) {
  const Json calm = simulate_json("--policy auto" + kSize);
  EXPECT_EQ(calm.at("makespan"), 99);
  EXPECT_EQ(calm.at("plan").at("chosen"), calm.at("schedule"));
  EXPECT_EQ(simulate_json("--schedule dynamic" + kSize), calm);

  const Json result = simulate_json("--policy auto --cap 16 --jitter 0.3" + kSize);
  const Json& candidates = result.at("plan").at("candidates");
  ASSERT_GT(candidates.size(), 50U);
  EXPECT_EQ(candidates[0].at("name"), result.at("plan").at("chosen"));
  EXPECT_EQ(candidates[0].at("verdict"), "chosen");
  EXPECT_GE(candidates[0].at("expected"), result.at("lower_bound"));
  EXPECT_GE(candidates[0].at("nominal"), 99);
  EXPECT_LE(candidates[0].at("peak_mem"), 16);
  for (const Json& other : candidates) {
    EXPECT_NE(other.at("verdict"), "") << other;
    EXPECT_EQ(other.at("verdict") == "chosen", other == candidates[0]) << other;
  }

  const CommandResult text = weft("simulate --policy auto --cap 16" + kSize);
  EXPECT_NE(text.out.find(" candidates, the best of them:\n"), std::string::npos) << text.out;
  EXPECT_NE(text.out.find("  chosen\n"), std::string::npos) << text.out;
}

TEST(SimulateCommand, ThePlannerObeysItsLimits) {
  const Json half = simulate_json("--policy auto --cap 8" + kSize);
  EXPECT_EQ(half.at("makespan"), 115);
  for (const double units : half.at("peak_mem").get<Peaks>()) EXPECT_LE(units, 8);
  EXPECT_EQ(simulate_json("--policy auto --mapping wave" + kSize).at("mapping"), "wave");
  const Json two = simulate_json("--policy auto --chunks 2" + kSize);
  EXPECT_EQ(two.at("chunks"), 2);
  EXPECT_EQ(two.at("makespan"), 102);
  const Json unsplit = simulate_json("--policy auto --no-split-backward" + kSize);
  EXPECT_EQ(unsplit.at("makespan"), 105);
  EXPECT_EQ(unsplit.at("tasks"), 256);
}

TEST(SimulateCommand, CostsLatencyAndSlowRanksActByTheirAmount) {
  const std::string run = "--schedule interleaved" + kSize;
  EXPECT_EQ(makespan(run + "--costs 2,2,2"), 210);
  EXPECT_EQ(makespan(run + "--costs 1,2,1"), 140) << "D costs 3 in place of 2";
  EXPECT_EQ(makespan(run + "--latency 0.5"), 120);
  EXPECT_EQ(makespan(run + "--slow-rank 2:1.5"), 150);
  EXPECT_EQ(makespan(run + "--slow-rank 2:1"), 105);
  EXPECT_EQ(makespan(run + "--slow-rank 2:1.5 --slow-rank 0:2"), 192);
  EXPECT_LT(makespan("--schedule 1f1b" + kSize + "--slow-rank 2:1.5"), 180);
}

TEST(SimulateCommand, RandomFactorsComeFromTheSeed) {
  const std::string run = "--schedule interleaved" + kSize;
  double sum = 0;
  for (const std::string seed : {"1", "2", "3", "4", "5"}) {
    sum += makespan(run + "--jitter 0.3 --seed " + seed);
  }
  EXPECT_NEAR(sum / 5, 111.95, 0.06) << "reference/schedules.md 3.2: 112";
  EXPECT_EQ(makespan(run + "--jitter 0.3"), makespan(run + "--jitter 0.3 --seed 1"));
  EXPECT_NE(makespan(run + "--jitter 0.3"), makespan(run + "--jitter 0.3 --seed 2"));
  EXPECT_NE(makespan(run + "--jitter 0.3"), makespan(run + "--jitter 0.2"));
  const std::string late = run + "--latency 0.5 ";
  EXPECT_NE(makespan(late + "--link-jitter 1"), 120);
  EXPECT_NE(makespan(late + "--link-jitter 1"), makespan(late + "--link-jitter 1 --seed 2"));
  EXPECT_NE(makespan(run + "--length-jitter 0.5"), 105);
}

TEST(SimulateCommand, ShapeFlagsAct) {
  EXPECT_EQ(makespan("--schedule interleaved --chunks 2" + kSize), 114);
  EXPECT_EQ(peak(simulate_json("--schedule interleaved --group-size 8" + kSize)), 31);
  EXPECT_EQ(simulate_json("--policy dfc --mapping wave" + kSize).at("mapping"), "wave");
  EXPECT_EQ(simulate_json("--policy dfc --chunks 2" + kSize).at("chunks"), 2);
  EXPECT_EQ(simulate_json("--policy dfc --no-split-backward" + kSize).at("tasks"), 256);
  EXPECT_EQ(simulate_json("--policy dfc" + kSize).at("tasks"), 384);
  EXPECT_EQ(makespan("--schedule zb-v --pp 4 --vpp 1 --microbatches 8"), 102.0 / 4);
  EXPECT_EQ(peak(simulate_json("--policy dfc --wip 2" + kSize)), 8);
  EXPECT_EQ(peak(simulate_json("--policy megatron-dpp --scan group" + kSize)), 20);
  EXPECT_NE(makespan("--policy megatron-dpp --scan dfc" + kSize), 105);
  const std::string links = "--policy dfc --latency 1 --link-jitter 1" + kSize;
  EXPECT_LT(makespan(links + "--any-order"), makespan(links));
}

TEST(SimulateCommand, ACapIsALimitAndPartOfTheBound) {
  const Json result = simulate_json("--policy dfc --cap 4" + kSize);
  EXPECT_EQ(result.at("peak_mem"), (Peaks{4, 4, 4, 4}));
  EXPECT_EQ(result.at("lower_bound"), 168) << "one microbatch at a time";
  EXPECT_EQ(simulate_json("--policy dfc --cap 4.5" + kSize), result);
  EXPECT_EQ(makespan("--schedule 1f1b --cap 16" + kSize), 132);
}

TEST(SimulateCommand, RefusesWhatItCannotRunAndNamesTheFlag) {
  const std::string run = "simulate --schedule interleaved" + kSize;
  const std::string list = "simulate --policy dfc" + kSize;
  struct Refusal {
    std::string words;
    std::vector<std::string> parts;
  };
  const std::vector<Refusal> refusals = {
      {"simulate", {"nothing to simulate", "one of --schedule, --csv and --policy"}},
      {list + "--schedule 1f1b", {"got --schedule and --policy"}},
      {"simulate --schedule 1f1b --microbatches 8", {"--pp is missing", "try --pp 4"}},
      {"simulate --schedule 1f1b --pp 8", {"--microbatches is missing", "try --microbatches 8"}},
      {"simulate --schedule zbv" + kSize, {"got zbv", "zb-h1", "dynamic", "try --schedule zb-v"}},
      {"simulate --policy depe" + kSize, {"got depe", "megatron-dpp", "try --policy deep"}},
      {"simulate --schedule 1f1b --pp 0 --microbatches 8", {"--pp has a wrong value (got 0"}},
      {"simulate --schedule 1f1b --pp 4 --microbatches -1", {"got -1, expected at least 1"}},
      {"simulate --schedule 1f1b --pp 4 --vpp 0 --microbatches 8", {"--vpp has a wrong value"}},
      {"simulate --schedule 1f1b --pp x --microbatches 8", {"got x, expected a whole number"}},
      {"simulate --schedule 1f1b --pp 1000000 --microbatches 1000000", {"tasks", "smaller --pp"}},
      {run + "--costs 1,2", {"--costs has 2 values", "try --costs 1,1,1"}},
      {run + "--costs 1,-2,1", {"--costs has a wrong value (got -2", "try --costs 1,1,1"}},
      {run + "--costs 1,nan,1", {"--costs has a wrong value (got nan"}},
      {run + "--latency -1", {"--latency has a wrong value (got -1", "try --latency 0.5"}},
      {run + "--latency nan", {"--latency has a wrong value (got nan"}},
      {run + "--jitter -1", {"--jitter has a wrong value (got -1, expected 0 to 5)"}},
      {run + "--length-jitter 6", {"--length-jitter has a wrong value (got 6"}},
      {run + "--link-jitter 1", {"--link-jitter has no --latency", "try --latency"}},
      {run + "--jitter 0.3 --seed -1", {"--seed has a wrong value (got -1"}},
      {run + "--slow-rank 4:2", {"got 4:2", "a rank from 0 to 3", "try --slow-rank 2:1.5"}},
      {run + "--slow-rank 2", {"got 2, expected RANK:FACTOR"}},
      {run + "--slow-rank 2:-1", {"got 2:-1"}},
      {run + "--slow-rank 1:2 --slow-rank 1:3", {"names rank 1 twice"}},
      {run + "--cap 8", {"got 19 units, expected at most 8", "try --cap 19", "v-half"}},
      {run + "--cap 0", {"--cap has a wrong value (got 0"}},
      {run + "--wip 3", {"--wip has no use here: the order is fixed"}},
      {run + "--any-order", {"--any-order has no use here"}},
      {run + "--mapping wave", {"does not fit interleaved (got wave, expected loop)"}},
      {run + "--mapping ring", {"got ring, expected loop or wave"}},
      {run + "--group-size 3", {"a group of 3", "--group-size"}},
      {run + "--group-size 0", {"--group-size has a wrong value (got 0"}},
      {run + "--scan dfc", {"--scan has no use here: only megatron-dpp scans"}},
      {"simulate --schedule zb-v --chunks 4" + kSize, {"does not fit zb-v (got 4, expected 2)"}},
      {"simulate --schedule zb-h1 --group-size 4" + kSize, {"zb-h1 of 1 chunk has no groups"}},
      {"simulate --schedule zb-v --no-split-backward" + kSize, {"zb-v splits it by definition"}},
      {"simulate --schedule interleaved --pp 4 --vpp 4 --microbatches 6",
       {"6 microbatches in groups of 4 leave 2", "--microbatches"}},
      {"simulate --schedule dualpipe-v --pp 4 --vpp 2 --microbatches 7",
       {"two microbatches per rank", "--microbatches"}},
      {list + "--group-size 4", {"--group-size has no use here"}},
      {list + "--chunks 3", {"3 chunks per rank", "--chunks"}},
      {list + "--chunks 0", {"--chunks has a wrong value (got 0"}},
      {list + "--cap 3", {"--cap 3 does not hold one microbatch", "try --cap 4"}},
      {list + "--wip 0", {"--wip has a wrong value (got 0"}},
      {list + "--wip 1.5", {"--wip has a wrong value (got 1.5"}},
      {list + "--wip auto", {"--wip auto has no --cap", "try --cap"}},
      {"simulate --policy auto --wip 3" + kSize, {"the planner chooses it"}},
      {"simulate --policy megatron-dpp --cap 30" + kSize, {"has no limit of memory"}},
      {"simulate --policy megatron-dpp --scan x" + kSize, {"got x, expected bfc, group or dfc"}},
      {run + "--svg-until 9", {"--svg-until has no use here: there is no --svg"}},
      {run + "--svg ''", {"--svg: the name is empty"}},
      {run + "--svg", {"--svg has no value"}},
      {run + "--jiter 1", {"unknown option (got --jiter", "try --jitter"}},
      {"simulate interleaved" + kSize, {"unexpected word (got interleaved"}},
  };
  for (const Refusal& refusal : refusals) expect_refused(refusal.words, 2, refusal.parts);
}

TEST(SimulateCommand, JsonErrorsAreOneObject) {
  const CommandResult result = weft("simulate --schedule zbv --json" + kSize);
  EXPECT_EQ(result.exit_code, 2);
  const Json error = Json::parse(result.out).at("error");
  EXPECT_EQ(error.at("kind"), "usage");
  EXPECT_EQ(error.at("hint"), "--schedule zb-v");
}

}  // namespace
}  // namespace weft::testing
