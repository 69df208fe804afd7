#include "weft/observe/chrome_trace.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "support/example_logs.hpp"

namespace weft::observe {

using schedule::CommitLog;

namespace {

using nlohmann::json;
using schedule::testing::breadth_first;
using schedule::testing::one_f_one_b;
using schedule::testing::split_wave;

std::vector<json> events(const CommitLog& log) {
  return json::parse(to_chrome_trace(log)).at("traceEvents");
}

std::vector<json> events(const CommitLog& log, const std::string& phase) {
  std::vector<json> found = events(log);
  std::erase_if(found, [&phase](const json& event) { return event.at("ph") != phase; });
  return found;
}

TEST(ChromeTrace, WritesSlicesArrowsAndCounters) {
  const std::vector<std::string> expected{
      R"({"traceEvents":[)",
      R"({"ph":"M","pid":1,"name":"process_name","args":{"name":"pipeline"}},)",
      R"({"ph":"M","pid":1,"tid":1,"name":"thread_name","args":{"name":"rank 0"}},)",
      R"({"ph":"M","pid":1,"tid":1,"name":"thread_sort_index","args":{"sort_index":0}},)",
      R"({"ph":"X","pid":1,"tid":1,"ts":0,"dur":1000,"cat":"forward","name":"F0.0",)"
      R"("args":{"stage":0,"chunk":0,"microbatch":0,"arrived":0}},)",
      R"({"ph":"C","pid":1,"ts":0,"name":"rank 0 holds","args":{"microbatches":1}},)",
      R"({"ph":"s","pid":1,"tid":1,"ts":999.999,"cat":"message","name":"activation","id":2},)",
      R"({"ph":"X","pid":1,"tid":1,"ts":4500,"dur":2000,"cat":"backward","name":"D0.0",)"
      R"("args":{"stage":0,"chunk":0,"microbatch":0,"arrived":4500}},)",
      R"({"ph":"f","pid":1,"tid":1,"ts":4500,)"
      R"("cat":"message","name":"gradient","id":1,"bp":"e"},)",
      R"({"ph":"C","pid":1,"ts":6500,"name":"rank 0 holds","args":{"microbatches":0}},)",
      R"({"ph":"M","pid":1,"tid":2,"name":"thread_name","args":{"name":"rank 1"}},)",
      R"({"ph":"M","pid":1,"tid":2,"name":"thread_sort_index","args":{"sort_index":1}},)",
      R"({"ph":"X","pid":1,"tid":2,"ts":1250,"dur":1000,"cat":"forward","name":"F0.0",)"
      R"("args":{"stage":1,"chunk":0,"microbatch":0,"arrived":1250}},)",
      R"({"ph":"C","pid":1,"ts":1250,"name":"rank 1 holds","args":{"microbatches":1}},)",
      R"({"ph":"f","pid":1,"tid":2,"ts":1250,)"
      R"("cat":"message","name":"activation","id":2,"bp":"e"},)",
      R"({"ph":"X","pid":1,"tid":2,"ts":2250,"dur":2000,"cat":"backward","name":"D0.0",)"
      R"("args":{"stage":1,"chunk":0,"microbatch":0,"arrived":2250}},)",
      R"({"ph":"s","pid":1,"tid":2,"ts":4249.999,"cat":"message","name":"gradient","id":1},)",
      R"({"ph":"C","pid":1,"ts":4250,"name":"rank 1 holds","args":{"microbatches":0}})",
      R"(],"displayTimeUnit":"ms"})"};
  std::istringstream trace(to_chrome_trace(one_f_one_b(2, 1, {1, 1, 1, 0.25})));
  std::vector<std::string> lines;
  for (std::string line; std::getline(trace, line);) lines.push_back(line);
  EXPECT_EQ(lines, expected);
}

TEST(ChromeTrace, SlicesOfARankFollowEachOther) {
  CommitLog run = one_f_one_b(5, 9, {0.1, 1.0 / 3, 0.7, 1e-4});
  for (const std::string unit : {"units", "us"}) {
    run.time_unit = unit;
    std::map<int64_t, double> ends;
    int64_t num_slices = 0;
    for (const json& event : events(run, "X")) {
      // Nanoseconds: decimal fractions do not add up exactly.
      const double start = std::round(event.at("ts").get<double>() * 1e3);
      const double duration = std::round(event.at("dur").get<double>() * 1e3);
      double& end = ends[event.at("tid").get<int64_t>()];
      EXPECT_GE(duration, 0);
      EXPECT_GE(start, end);
      end = start + duration;
      ++num_slices;
    }
    EXPECT_EQ(num_slices, run.plan().num_tasks());
  }
}

TEST(ChromeTrace, EventsOfAThreadAreInOrderOfTime) {
  for (const CommitLog& log : {one_f_one_b(4, 8), split_wave(3, 4), breadth_first(3, 2, 4)}) {
    std::map<std::string, double> last;
    for (const json& event : events(log)) {
      if (event.at("ph") == "M") continue;
      const bool is_counter = event.at("ph") == "C";
      const std::string track = is_counter ? event.at("name").get<std::string>()
                                           : std::to_string(event.at("tid").get<int64_t>());
      EXPECT_GE(event.at("ts").get<double>(), last[track]) << event;
      last[track] = event.at("ts").get<double>();
    }
    EXPECT_EQ(last.size(), 2 * log.ranks.size());
  }
}

TEST(ChromeTrace, EveryMessageBetweenRanksIsAnArrow) {
  const auto ends_of = [](const CommitLog& log, const std::string& phase) {
    std::set<std::pair<std::string, int64_t>> ids;
    for (const json& event : events(log, phase)) {
      EXPECT_TRUE(ids.emplace(event.at("name"), event.at("id")).second) << event;
    }
    return ids;
  };
  // Activations and gradients cross between 4 ranks, and in a wave not at its turn.
  for (const auto& [log, messages] :
       {std::pair{one_f_one_b(4, 8), 2 * 3 * 8}, std::pair{split_wave(4, 5), 2 * 6 * 5},
        std::pair{breadth_first(4, 3, 2), 2 * 11 * 2}}) {
    const auto starts = ends_of(log, "s");
    EXPECT_EQ(starts.size(), static_cast<size_t>(messages));
    EXPECT_EQ(starts, ends_of(log, "f"));
  }
}

TEST(ChromeTrace, ArrowsLieWithinTheirSlices) {
  const CommitLog log = split_wave(3, 4, {1, 0.5, 0.25, 0.1});
  const auto slices = events(log, "X");
  for (const std::string phase : {"s", "f"}) {
    for (const json& arrow : events(log, phase)) {
      const auto at = arrow.at("ts").get<double>();
      const bool is_inside = std::ranges::any_of(slices, [&](const json& slice) {
        const auto start = slice.at("ts").get<double>();
        return slice.at("tid") == arrow.at("tid") && at >= start &&
               at < start + slice.at("dur").get<double>();
      });
      EXPECT_TRUE(is_inside) << arrow;
    }
  }
}

TEST(ChromeTrace, CountsWhatRanksHold) {
  std::map<std::string, int64_t> most;
  std::map<std::string, int64_t> last;
  for (const json& event : events(one_f_one_b(12, 20), "C")) {
    const std::string track = event.at("name");
    last[track] = event.at("args").at("microbatches");
    most[track] = std::max(most[track], last[track]);
  }
  ASSERT_EQ(most.size(), 12U);
  EXPECT_EQ(most.at("rank 00 holds"), 12);
  EXPECT_EQ(most.at("rank 11 holds"), 1);
  for (const auto& [track, held] : last) EXPECT_EQ(held, 0) << track;
}

TEST(ChromeTrace, StaysJsonAtTheEdges) {
  EXPECT_EQ(json::parse(to_chrome_trace(CommitLog{})).at("traceEvents").size(), 1U);
  CommitLog log = one_f_one_b(1, 1);
  log.ranks[0][0] = {log.ranks[0][0].task, -1e-9, 0, 0};
  log.ranks[0][1] = {log.ranks[0][1].task, 1e-300, 1e200, 1e300};
  const auto slices = events(log, "X");
  ASSERT_EQ(slices.size(), 2U);
  EXPECT_EQ(slices[0].at("dur"), 0);
  EXPECT_EQ(json::parse(to_chrome_trace(one_f_one_b(16, 384))).at("displayTimeUnit"), "ms");
}

}  // namespace
}  // namespace weft::observe
