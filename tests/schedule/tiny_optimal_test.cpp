#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "schedule/vector_case.hpp"
#include "support/vectors.hpp"
#include "weft/schedule/bounds.hpp"

// vectors/schedule_tiny_optimal.json: exact optima of 39 tiny instances in which F, B and W of a
// chunk take 1 (reference/schedules.md 2.7, 3.4).

namespace weft::schedule {
namespace {

using nlohmann::json;
using ::weft::testing::list_policies;

constexpr double kRounding = 1e-9;

Graph unit_graph(const json& instance) {
  const Mapping mapping = instance.at("mapping") == "loop" ? Mapping::loop : Mapping::wave;
  Graph graph({mapping, instance.at("P"), instance.at("V")}, instance.at("M"),
              instance.at("split"));
  for (int64_t stage = 0; stage < graph.stages().num_stages(); ++stage) {
    for (int64_t m = 0; m < graph.num_microbatches(); ++m) {
      for (const TaskKind kind :
           {TaskKind::forward, TaskKind::backward_input, TaskKind::backward_weight}) {
        graph.set_duration(kind, stage, m, 1);
      }
    }
  }
  return graph;
}

class TinyInstance {
 public:
  explicit TinyInstance(const json& instance)
      : graph_(unit_graph(instance)), upward_(std::make_shared<UpwardRanks>(upward_ranks(graph_))) {
    if (!instance.at("cap").is_null()) limits_.cap = instance.at("cap").get<int64_t>();
  }

  const Graph& graph() const { return graph_; }
  const std::optional<int64_t>& cap() const { return limits_.cap; }

  double list_makespan(ListKey key, std::optional<int64_t> wip_limit = {}) const {
    const Simulation run = simulate(graph_, list_policies({key, wip_limit, upward_}), limits_);
    EXPECT_EQ(run.deadlock, "");
    return run.makespan;
  }

  /// Over the keys of the reference's tables and every limit that limits anything.
  double best_list_makespan() const {
    double best = std::numeric_limits<double>::infinity();
    for (const ListKey key : {ListKey::depth_first, ListKey::breadth_first, ListKey::deep}) {
      for (int64_t limit = 1; limit <= graph_.num_microbatches(); ++limit) {
        best = std::min(best, list_makespan(key, limit));
      }
    }
    return best;
  }

 private:
  Graph graph_;
  std::shared_ptr<const UpwardRanks> upward_;
  PolicyLimits limits_;
};

ListKey key_of(const std::string& name) {
  return name == "cpb" ? ListKey::critical_path_by_kind : *list_key(name);
}

class TinyOptimal : public ::testing::Test {
 protected:
  const json instances_ = testing::load_vector("schedule_tiny_optimal");
};

TEST_F(TinyOptimal, ListPoliciesAreReproduced) {
  ASSERT_EQ(instances_.size(), 39U);
  int64_t values = 0;
  for (const json& instance : instances_) {
    const TinyInstance tiny(instance);
    for (const auto& [name, want] : instance.at("policies").items()) {
      if (name == "best_list_any_wip") continue;
      EXPECT_NEAR(tiny.list_makespan(key_of(name)), want.get<double>(), kRounding)
          << name << ' ' << instance;
      ++values;
    }
  }
  EXPECT_EQ(values, 150);
}

TEST_F(TinyOptimal, BestListPolicyIsReproduced) {
  for (const json& instance : instances_) {
    const double want = instance.at("policies").at("best_list_any_wip");
    EXPECT_NEAR(TinyInstance(instance).best_list_makespan(), want, kRounding) << instance;
  }
}

TEST_F(TinyOptimal, BoundsAreReproducedAndBelowTheOptimum) {
  for (const json& instance : instances_) {
    const TinyInstance tiny(instance);
    const double optimum = instance.at("optimum");
    const double bound = makespan_bounds(tiny.graph()).largest();
    EXPECT_NEAR(bound, instance.at("lower_bound").get<double>(), kRounding) << instance;
    EXPECT_LE(bound, optimum + kRounding) << instance;
    if (!tiny.cap()) continue;
    const double memory = memory_bound(tiny.graph(), *tiny.cap());
    EXPECT_LE(memory, optimum + kRounding) << instance;
    if (!instance.contains("memory_lower_bound")) continue;
    EXPECT_NEAR(memory, instance.at("memory_lower_bound").get<double>(), 5e-7) << instance;
  }
}

TEST_F(TinyOptimal, NothingBeatsTheOptimum) {
  std::set<std::string> optimal_statics;
  for (const json& instance : instances_) {
    const TinyInstance tiny(instance);
    const double optimum = instance.at("optimum");
    EXPECT_GE(tiny.best_list_makespan(), optimum - kRounding) << instance;
    const StageMap& stages = tiny.graph().stages();
    for (const StaticSchedule& schedule : static_schedules()) {
      if (schedule.mapping != stages.mapping ||
          schedule.num_chunks(stages.num_chunks) != stages.num_chunks ||
          schedule.splits_backward != tiny.graph().splits_backward()) {
        continue;
      }
      const StaticConfig config{stages.num_ranks, stages.num_chunks,
                                tiny.graph().num_microbatches()};
      PipelineSchedule order;
      try {
        order = make_static(schedule, config);
      } catch (const std::exception&) {
        continue;  // does not exist for this shape
      }
      const Simulation run = simulate(tiny.graph(), order);
      if (tiny.cap() && run.max_peak_charge() > *tiny.cap()) continue;
      EXPECT_GE(run.makespan, optimum - kRounding) << schedule.name << ' ' << instance;
      if (run.makespan < optimum + kRounding) optimal_statics.emplace(schedule.name);
    }
  }
  // V-Half 53 at 6 and V-Min 47 at 4 (reference/schedules.md, fact 8), among others.
  for (const char* name : {"v-half", "v-min", "zb-v", "zb-h1", "1f1b"}) {
    EXPECT_TRUE(optimal_statics.contains(name)) << name;
  }
}

}  // namespace
}  // namespace weft::schedule
