#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "schedule/vector_case.hpp"
#include "support/vectors.hpp"
#include "weft/base/error.hpp"
#include "weft/schedule/bounds.hpp"
#include "weft/schedule/plan_policy.hpp"

// vectors/schedule_extras.json (reference/schedules.md A.6). The small copy beside the tests holds
// one memory cap of each experiment with PP4 VPP4 M8.

namespace weft::schedule {
namespace {

using nlohmann::json;
using ::weft::testing::configuration;
using ::weft::testing::graph_of;
using ::weft::testing::in_scenario;
using ::weft::testing::list_policies;
using ::weft::testing::nominal;
using ::weft::testing::Placement;
using ::weft::testing::vector_schedule;

constexpr double kRelative = 1e-9;

/// Means over the seeds.
struct Result {
  double makespan = 0;
  double peak = 0;  ///< the largest, in VPP chunks
};

FillRule fill_rule(const std::string& name) {
  static const std::map<std::string, FillRule> rules = {
      {"fill00", {0, 0}}, {"fillW", {1, 0}}, {"fill55", {0.5, 0.5}}, {"fill11", {1, 1}}};
  return rules.at(name);
}

/// "PP4_VPP4_M8 compute jitter 0.3 cap 16"
class Experiment {
 public:
  Experiment(const std::string& name, int64_t cap)
      : name_(name),
        model_(configuration(name)),
        cap_(cap),
        has_jittery_links_(name.find("jittery link") != std::string::npos) {
    if (name.find("compute jitter") != std::string::npos) model_.jitter_sigma = 0.3;
    if (name.find("variable length") != std::string::npos) model_.length_sigma = 0.5;
    if (has_jittery_links_) {
      model_.latency = 0.5;
      model_.link_jitter_sigma = 1;
    }
    if (name.find("unequal") != std::string::npos) {
      model_.atom_weight.assign(static_cast<size_t>(model_.num_ranks * model_.num_atoms()), 1);
      model_.atom_weight.front() = 1.3;
      model_.atom_weight.back() = 2.5;
    } else {
      last_seed_ = 5;
    }
  }

  const CostModel& model() const { return model_; }

  /// "list deep N=2.0cap wave4", "plan zb_v fill55" or "static gpipe"
  Result run(const std::string& entry) const {
    Result result;
    for (uint64_t seed = 1; seed <= last_seed_; ++seed) {
      CostModel model = model_;
      model.seed = seed;
      const Simulation once = run(entry, model);
      EXPECT_EQ(once.deadlock, "") << name_ << ' ' << entry;
      result.makespan += once.makespan / static_cast<double>(last_seed_);
      result.peak = std::max(result.peak, static_cast<double>(once.max_peak_charge()) /
                                              static_cast<double>(model.atoms_per_unit()));
    }
    return result;
  }

  /// Mean of the bounds of split backwards in one placement.
  double bound(const Placement& placement) const {
    double sum = 0;
    for (uint64_t seed = 1; seed <= last_seed_; ++seed) {
      CostModel model = model_;
      model.seed = seed;
      sum += makespan_bounds(placement.graph(model, true)).largest();
    }
    return sum / static_cast<double>(last_seed_);
  }

  /// The placements of split backwards: all chunks on a loop, waves of two and four.
  std::vector<std::string> placements() const {
    std::vector<std::string> names{fmt::format("loop{}", model_.virtual_chunks), "wave2"};
    if (model_.virtual_chunks == 4) names.emplace_back("wave4");
    return names;
  }

  /// The entries that the reference compared under the cap, by their makespans.
  std::vector<std::pair<double, std::string>> ranking(bool of_statics) const {
    std::vector<std::pair<double, std::string>> ranking;
    const auto add = [&](const std::string& entry) {
      ranking.emplace_back(run(entry).makespan, entry);
    };
    for (const StaticSchedule& schedule : static_schedules()) {
      const std::string static_entry = "static " + std::string(schedule.name);
      if (run(static_entry).peak > static_cast<double>(cap_)) continue;
      if (of_statics) add(static_entry);
      static const std::vector<std::string> planned = {
          "1f1b", "interleaved", "interleaved-zb1p", "interleaved-zb-w2", "zb-h1", "zb-v"};
      if (of_statics || std::ranges::count(planned, schedule.name) == 0) continue;
      for (const char* rule : {"fill00", "fillW", "fill55", "fill11"}) {
        add(fmt::format("plan {} {}", schedule.name, rule));
      }
    }
    for (const char* key : {"dfc", "deep", "bfc"}) {
      for (const char* share : {"1.0", "1.5", "2.0", "3.0"}) {
        for (const std::string& placement : placements()) {
          if (!of_statics) add(fmt::format("list {} N={}cap {}", key, share, placement));
        }
      }
    }
    std::ranges::sort(ranking);
    return ranking;
  }

 private:
  Simulation run(const std::string& entry, const CostModel& model) const {
    std::istringstream words(entry);
    std::string kind, subject, option, placement_name;
    words >> kind >> subject >> option >> placement_name;
    // The reference turns first in, first out off where messages overtake each other or
    // microbatches differ (reference/schedules.md 2.2).
    const bool in_order = !has_jittery_links_ && model.length_sigma == 0;
    const PolicyLimits limits{cap_ * model.atoms_per_unit(), in_order
                                                                 ? MicrobatchOrder::in_order
                                                                 : MicrobatchOrder::as_they_arrive};
    if (kind == "list") {
      const double share = std::stod(option.substr(2));  // "N=1.5cap"
      const auto limit = static_cast<int64_t>(share * static_cast<double>(cap_) /
                                              static_cast<double>(model.virtual_chunks));
      return simulate(
          Placement::parse(placement_name).graph(model, true),
          list_policies({.key = *list_key(subject), .wip_limit = std::max<int64_t>(1, limit)}),
          limits);
    }
    const StaticSchedule& schedule = vector_schedule(subject);
    const PipelineSchedule order = testing::make_static(schedule, model);
    const Graph graph = graph_of(schedule, model);
    if (kind == "static") return simulate(graph, order);
    const auto plan = std::make_shared<TimedPlan>(graph_of(schedule, nominal(model)), order);
    return simulate(
        graph,
        [&](int64_t rank) { return std::make_unique<PlanPolicy>(plan, rank, fill_rule(option)); },
        limits);
  }

  std::string name_;
  CostModel model_;
  int64_t cap_;
  bool has_jittery_links_;
  uint64_t last_seed_ = 1;
};

void expect_result(const Experiment& experiment, const std::string& where, const std::string& entry,
                   double makespan, double peak) {
  const Result got = experiment.run(entry);
  EXPECT_NEAR(got.makespan, makespan, kRelative * makespan) << where << ": " << entry;
  EXPECT_EQ(got.peak, peak) << where << ": " << entry;
}

/// [[makespan, entry, peak], ...]: the best of a ranking.
void expect_best(const Experiment& experiment, const std::string& where, const json& best,
                 const std::vector<std::pair<double, std::string>>& ranking) {
  ASSERT_GE(ranking.size(), best.size());
  for (size_t i = 0; i < best.size(); ++i) {
    expect_result(experiment, where, best[i][1], best[i][0], best[i][2]);
    const double want = best[i][0];
    EXPECT_NEAR(ranking[i].first, want, kRelative * want)
        << where << ": " << ranking[i].second << " in the place of " << best[i][1];
  }
}

void expect_bounds(const Experiment& experiment, const std::string& where, const json& bounds) {
  if (bounds.is_object()) {
    EXPECT_EQ(bounds.size(), experiment.placements().size());
    for (const auto& [placement, want] : bounds.items()) {
      const double bound = want;
      EXPECT_NEAR(experiment.bound(Placement::parse(placement)), bound, kRelative * bound)
          << where << ' ' << placement;
    }
    return;
  }
  double least = std::numeric_limits<double>::infinity();
  for (const std::string& placement : experiment.placements()) {
    least = std::min(least, experiment.bound(Placement::parse(placement)));
  }
  const double bound = bounds;
  EXPECT_NEAR(least, bound, kRelative * bound) << where;
}

/// Every experiment of `extras`; how many entries it compared.
int64_t compare_experiments(const json& extras) {
  int64_t entries = 0;
  for (const auto& [name, experiment_values] : extras.items()) {
    if (!name.starts_with("PP")) continue;
    const Experiment experiment(name, experiment_values.at("cap"));
    if (experiment_values.contains("all")) {
      for (const auto& [entry, want] : experiment_values.at("all").items()) {
        expect_result(experiment, name, entry, want[0], want[1]);
        ++entries;
      }
    } else {
      expect_best(experiment, name, experiment_values.at("best_dynamic"),
                  experiment.ranking(false));
    }
    expect_best(experiment, name, experiment_values.at("best_static"), experiment.ranking(true));
    expect_bounds(experiment, name, experiment_values.at("lower_bound"));
    const json& megatron = experiment_values.at("megatron_interleaved_or_1f1b");
    expect_result(experiment, name, "static interleaved", megatron[0], megatron[1]);
  }
  return entries;
}

/// "PP4_VPP4_M8 cap 10": [makespan, "deep N3 loop4", peak]
void compare_memory_sweep(const json& sweep) {
  for (const auto& [name, want] : sweep.items()) {
    const CostModel model = configuration(name);
    const int64_t cap = std::stoll(name.substr(name.rfind(' '))) * model.atoms_per_unit();
    double best = std::numeric_limits<double>::infinity();
    std::optional<Simulation> named;
    for (const std::string& placement : Experiment(name, 0).placements()) {
      const Graph graph = Placement::parse(placement).graph(model, true);
      for (const char* key : {"dfc", "deep", "bfc"}) {
        for (int64_t limit = std::max<int64_t>(1, model.num_ranks / 3);
             limit <= 2 * model.num_ranks; ++limit) {
          Simulation run =
              simulate(graph, list_policies({.key = *list_key(key), .wip_limit = limit}), {cap});
          best = std::min(best, run.makespan);
          if (want[1] == fmt::format("{} N{} {}", key, limit, placement)) named = std::move(run);
        }
      }
    }
    const double expected = want[0];
    EXPECT_NEAR(best, expected, kRelative * expected) << name;
    ASSERT_TRUE(named) << name;
    EXPECT_NEAR(named->makespan, expected, kRelative * expected) << name;
    EXPECT_EQ(
        static_cast<double>(named->max_peak_charge()) / static_cast<double>(model.atoms_per_unit()),
        want[2].get<double>())
        << name;
  }
}

json load_copy() {
  std::ifstream in(testing::test_data("vectors/schedule_extras.json"));
  return json::parse(in);
}

TEST(ExtrasVectors, SmallCopyIsReproduced) {
  const json copy = load_copy();
  EXPECT_EQ(compare_experiments(copy), 208);
  compare_memory_sweep(copy.at("memory_sweep"));
}

TEST(ExtrasVectorsSlow, EveryExperimentIsReproduced) {
  const auto path = testing::reference_file("vectors/schedule_extras.json");
  if (!path) GTEST_SKIP() << "vectors/schedule_extras.json of the reference is not here";
  std::ifstream in(*path);
  const json extras = json::parse(in);
  EXPECT_EQ(compare_experiments(extras), 1140);
  compare_memory_sweep(extras.at("memory_sweep"));
}

/// PP8 VPP2, dfc on a loop of two chunks with twice 1F1B's memory.
double dfc_makespan(int64_t num_microbatches, bool with_slow_rank) {
  CostModel model = configuration("PP8_VPP2_M32");
  if (with_slow_rank) model = in_scenario(model, "slow_rank");
  model.num_microbatches = num_microbatches;
  return simulate(Placement::parse("loop2").graph(model, true), list_policies({}),
                  {32 * model.atoms_per_unit()})
      .makespan;
}

TEST(ExtrasVectors, LeversAgainstALaggingRank) {
  const json copy = load_copy();
  const json& levers = copy.at("slow_rank_levers");
  const CostModel model = in_scenario(configuration("PP8_VPP2_M32"), "slow_rank");
  double best = std::numeric_limits<double>::infinity();
  for (const StaticSchedule& schedule : static_schedules()) {
    const Simulation run =
        simulate(graph_of(schedule, model), testing::make_static(schedule, model));
    best = std::min(best, run.makespan);
    if (schedule.name == "interleaved") {
      EXPECT_NEAR(run.makespan, levers.at("megatron interleaved 1F1B, 1 rank 1.5x slow"), 1e-9);
    }
  }
  EXPECT_NEAR(best, levers.at("best schedule, same partition"), 1e-9);
  // Replicas take other numbers of microbatches; the step ends with the last replica.
  const double two = std::max(dfc_makespan(26, true), dfc_makespan(64 - 26, false));
  EXPECT_NEAR(two, levers.at("DP=2 with microbatch stealing (slow replica gets 26 of 64)"), 1e-9);
  const double eight = std::max(dfc_makespan(18, true), dfc_makespan(34, false));
  EXPECT_NEAR(
      eight, levers.at("DP=8 with microbatch stealing (slow replica gets 18, others <= 34)"), 1e-9);
}

}  // namespace
}  // namespace weft::schedule
