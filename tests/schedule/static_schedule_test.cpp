#include "weft/schedule/static_schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "reference/commit_log_check.hpp"
#include "schedule/vector_case.hpp"
#include "support/vectors.hpp"
#include "weft/base/error.hpp"
#include "weft/schedule/bounds.hpp"
#include "weft/schedule/validate.hpp"

namespace weft::schedule {
namespace {

using nlohmann::json;
using ::weft::reference::CommitLogCheck;

constexpr double kRounding = 1e-9;

/// "F(c0,m1)", Megatron's words; its backward is unsplit.
std::string megatron_words(const Task& task) {
  return fmt::format("{}(c{},m{})", task.kind == TaskKind::forward ? 'F' : 'B', task.chunk,
                     task.microbatch);
}

// vectors/parallel_and_schedules.json: tables and orders of Megatron's own generator.
TEST(StaticSchedule, OrdersAreMegatrons) {
  const json cases = testing::load_vector("parallel_and_schedules").at("schedule");
  ASSERT_EQ(cases.size(), 6U);
  for (const json& want : cases) {
    const int64_t chunks = want.at("chunks");
    const StaticSchedule& schedule = static_schedule(chunks == 1 ? "1f1b" : "interleaved");
    const PipelineSchedule made = make_static(
        schedule, {want.at("pp"), chunks, want.at("num_microbatches"), want.at("group_size")});
    for (const json& rank : want.at("ranks")) {
      const Schedule& order = made.ranks.at(rank.at("pp_rank").get<size_t>());
      json words = json::array();
      json signed_chunks = json::array();
      json table = json::array();
      for (const Task& task : order) {
        words.push_back(megatron_words(task));
        const bool forward = task.kind == TaskKind::forward;
        signed_chunks.push_back((task.chunk + 1) * (forward ? 1 : -1));
        if (forward) table.push_back({task.microbatch, task.chunk});
      }
      EXPECT_EQ(words, rank.at("ops"));
      EXPECT_EQ(signed_chunks, rank.at("order"));
      EXPECT_EQ(table, want.at("table"));
      // The forwards before the pairs; the first pair's forward comes before the first backward.
      const auto first_backward = std::ranges::find(order, TaskKind::backward, &Task::kind);
      const int64_t before = first_backward - order.begin();
      EXPECT_EQ(std::min(before, rank.at("total").get<int64_t>()),
                rank.at("warmup").get<int64_t>() + (rank.at("all_in_warmup") ? 0 : 1));
    }
  }
}

TEST(StaticSchedule, NamesAreFoundAndListed) {
  std::set<std::string_view> names;
  for (const StaticSchedule& schedule : static_schedules()) {
    EXPECT_TRUE(names.insert(schedule.name).second);
    EXPECT_EQ(&static_schedule(schedule.name), &schedule);
    EXPECT_FALSE(schedule.summary.empty());
  }
  EXPECT_EQ(names.size(), 12U);
  EXPECT_EQ(static_schedule("zb_h1").name, "zb-h1");
  try {
    static_schedule("zb-h3");
    FAIL() << "an unknown name was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(error.what()).find("got zb-h3"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("dualpipe-v"), std::string::npos);
  }
}

TEST(StaticSchedule, ConfigurationsThatDoNotExist) {
  const auto refusal = [](const char* name, const StaticConfig& config) -> std::string {
    try {
      make_static(static_schedule(name), config);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal("1f1b", {0, 1, 8}),
            "0 ranks, 1 virtual chunks, 8 microbatches (expected at least 1 each)");
  EXPECT_EQ(refusal("1f1b", {4, 1, 0}),
            "4 ranks, 1 virtual chunks, 0 microbatches (expected at least 1 each)");
  EXPECT_EQ(refusal("dualpipe-v", {4, 2, 7}),
            "dualpipe-v needs two microbatches per rank (got 7 microbatches for 4 ranks)");
  EXPECT_EQ(refusal("dualpipe-v", {4, 2, 8}), "");
  // Megatron: groups of ranks to microbatches, and no small rest (reference/schedules.md 1.3).
  EXPECT_EQ(refusal("interleaved", {4, 2, 9}),
            "9 microbatches in groups of 4 leave 1 (expected 0, or at least the 4 ranks)");
  EXPECT_NE(refusal("interleaved", {4, 2, 8, 3}), "");
  EXPECT_NE(refusal("interleaved", {4, 2, 8, 9}), "");
  EXPECT_NE(refusal("interleaved-zb1p", {4, 2, 14, 8}) + refusal("interleaved", {4, 2, 9, 8}), "");
  EXPECT_EQ(refusal("interleaved", {4, 2, 12, 8}), "");
}

/// Uniform costs of one VPP chunk: F, B and W 1.
CostModel uniform(const StaticConfig& config, const StaticSchedule& schedule) {
  CostModel model;
  model.num_ranks = config.num_ranks;
  model.virtual_chunks = schedule.num_chunks(config.virtual_chunks);
  model.num_microbatches = config.num_microbatches;
  return model;
}

class StaticGrid {
 public:
  /// How a schedule does in one shape, against everything that reference/schedules.md 1 and 2.7
  /// say about it.
  void check(const StaticSchedule& schedule, const StaticConfig& config) {
    const std::string where = fmt::format("{} P{} V{} M{}", schedule.name, config.num_ranks,
                                          config.virtual_chunks, config.num_microbatches);
    PipelineSchedule made;
    try {
      made = make_static(schedule, config);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage) << where;
      EXPECT_NE(std::string(error.what()).find("microbatches"), std::string::npos) << error.what();
      ++refused_;
      return;
    }
    ++made_;
    ASSERT_NO_THROW(validate(made)) << where;
    const CostModel model = uniform(config, schedule);
    const Graph graph = testing::graph_of(schedule, model);
    const Simulation run = simulate(graph, made);
    ASSERT_EQ(run.deadlock, "") << where;
    ASSERT_EQ(CommitLogCheck(graph, run.log).fault(run.max_peak_charge()), "") << where;
    EXPECT_GE(run.makespan, makespan_bounds(graph).largest() - kRounding) << where;
    EXPECT_GE(run.makespan, memory_bound(graph, run.max_peak_charge()) - kRounding) << where;
    Units peak;
    for (const int64_t charge : run.peak_charge) {
      // In chunks of the schedule.
      peak.push_back(static_cast<double>(charge * made.stages.num_chunks) /
                     static_cast<double>(model.num_atoms()));
    }
    check_closed_forms(schedule, config, run.makespan, peak, where);
  }

  int64_t num_made() const { return made_; }
  int64_t num_refused() const { return refused_; }

 private:
  using Units = std::vector<double>;

  static void check_closed_forms(const StaticSchedule& schedule, const StaticConfig& config,
                                 double makespan, const Units& peak, const std::string& where) {
    const int64_t p = config.num_ranks;
    const int64_t m = config.num_microbatches;
    const int64_t v = schedule.num_chunks(config.virtual_chunks);
    const std::string_view name = schedule.name;
    const auto expect_makespan = [&](int64_t want) {
      EXPECT_NEAR(makespan, static_cast<double>(want), kRounding) << where;
    };
    const auto expect_peak = [&](const auto& of_rank) {
      for (int64_t rank = 0; rank < p; ++rank) {
        EXPECT_EQ(peak[static_cast<size_t>(rank)], static_cast<double>(of_rank(rank)))
            << where << " rank " << rank;
      }
    };
    const bool full_groups = m % p == 0 && m >= p;
    // 1.1, 1.4: (m v + p - 1)(f + b + w), all activations held.
    if (name == "gpipe" || (name == "breadth-first" && m >= p))
      expect_makespan(3 * (m * v + p - 1));
    if (name == "gpipe" || name == "breadth-first") {
      expect_peak([&](int64_t) { return m * v; });
    }
    // 1.2
    if (name == "1f1b" || (name == "interleaved" && v == 1)) {
      expect_makespan(3 * (m + p - 1));
      expect_peak([&](int64_t rank) { return std::min(m, p - rank); });
    }
    // 1.3
    if (name == "interleaved" && v > 1 && full_groups) {
      expect_makespan(3 * (m * v + p - 1));
      expect_peak(
          [&](int64_t rank) { return std::min(2 * (p - rank - 1) + (v - 1) * p + 1, m * v); });
    }
    // 1.5, 1.6: the one-machine bound, which a barrier makes equal for both.
    if ((name == "zb-h1" && m >= p) || (name == "zb-h2" && m >= 2 * p - 1)) {
      expect_makespan(3 * m + p - 1);
      expect_peak([&](int64_t) { return name == "zb-h1" ? p : 2 * p - 1; });
    }
    // 1.7: 3 m T + (p - 1) f with two chunks per rank that take 1; memory p whole microbatches.
    if (name == "zb-v" && m >= 2 * p) {
      expect_makespan(6 * m + p - 1);
      expect_peak([&](int64_t) { return 2 * p; });
    }
    // 1.9: as ZB-V where a pair takes the sum; PP + 1 half activations.
    if (name == "dualpipe-v") {
      expect_makespan(6 * m + p - 1);
      expect_peak([&](int64_t) { return 2 * p + 1; });
    }
    // 1.14: the split bound at 1F1B's memory.
    if (name == "interleaved-zb1p" && full_groups && m >= 2 * p && v > 1) {
      expect_makespan(3 * m * v + p - 1);
      expect_peak([&](int64_t) { return p * v; });
    }
    // 1.8: floor((p + 2) / 2) and floor((p + 4) / 3) microbatches, two chunks each.
    if (name == "v-half" && m >= 2 * p) {
      EXPECT_LE(std::ranges::max(peak), 2 * ((p + 2) / 2)) << where;
    }
    if (name == "v-min" && m >= 2 * p) {
      EXPECT_LE(std::ranges::max(peak), 2 * ((p + 4) / 3)) << where;
    }
  }

  int64_t made_ = 0;
  int64_t refused_ = 0;
};

void check_grid(const std::vector<int64_t>& ranks, const std::vector<int64_t>& microbatches) {
  StaticGrid grid;
  for (const StaticSchedule& schedule : static_schedules()) {
    const bool one_shape = schedule.chunks != ChunkRule::free;
    for (const int64_t p : ranks) {
      for (int64_t v = 1; v <= (one_shape ? 1 : 4); ++v) {
        for (const int64_t m : microbatches) grid.check(schedule, {p, v, m});
      }
    }
  }
  EXPECT_GT(2 * grid.num_made(), grid.num_refused());
  EXPECT_GT(grid.num_refused(), 0);
}

TEST(StaticSchedule, EveryShapeOfASmallGrid) {
  check_grid({1, 2, 3, 4, 5, 8}, {1, 2, 3, 4, 5, 7, 8, 9, 12, 16});
}

TEST(StaticScheduleSlow, EveryShapeOfTheGrid) {
  std::vector<int64_t> ranks(16);
  std::iota(ranks.begin(), ranks.end(), 1);
  std::vector<int64_t> microbatches(64);
  std::iota(microbatches.begin(), microbatches.end(), 1);
  check_grid(ranks, microbatches);
}

// The group size moves memory, not the bubble (reference/schedules.md 1.3).
TEST(StaticSchedule, LargerGroupsKeepTheMakespan) {
  const StaticSchedule& schedule = static_schedule("interleaved");
  for (const int64_t group : {4, 6, 8, 12, 24}) {
    const StaticConfig config{4, 3, 24, group};
    const PipelineSchedule made = make_static(schedule, config);
    ASSERT_NO_THROW(validate(made));
    const Graph graph = testing::graph_of(schedule, uniform(config, schedule));
    EXPECT_NEAR(simulate(graph, made).makespan, 3 * (24 * 3 + 3), kRounding) << group;
    EXPECT_EQ(peak_charge(made)[0], std::min<int64_t>(2 * 3 + 2 * group + 1, 72)) << group;
  }
}

}  // namespace
}  // namespace weft::schedule
