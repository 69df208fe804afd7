#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "schedule/vector_case.hpp"
#include "support/vectors.hpp"
#include "weft/schedule/bounds.hpp"

// vectors/schedule_makespans.json (reference/schedules.md A.1 to A.4). The small copy beside the
// tests holds two configurations and three scenarios.

namespace weft::schedule {
namespace {

using nlohmann::json;
using ::weft::testing::budget;
using ::weft::testing::configuration;
using ::weft::testing::graph_of;
using ::weft::testing::in_scenario;
using ::weft::testing::list_policies;
using ::weft::testing::nominal;
using ::weft::testing::Placement;
using ::weft::testing::vector_schedule;

constexpr double kRelative = 1e-9;

/// One scenario of one configuration.
class Comparison {
 public:
  Comparison(const std::string& config, const std::string& scenario)
      : model_(in_scenario(configuration(config), scenario)), where_(config + " " + scenario) {}

  void statics(const json& entries) {
    for (const auto& [name, want] : entries.items()) {
      const StaticSchedule& schedule = vector_schedule(name);
      const Graph graph = graph_of(schedule, model_);
      expect(name, simulate(graph, testing::make_static(schedule, model_)), want);
    }
  }

  /// "deep_cap_ilv_wip/wave2"
  void dynamics(const json& entries) {
    for (const auto& [name, want] : entries.items()) {
      const Placement placement = Placement::parse(name.substr(name.find('/') + 1));
      const bool split = name.find("nosplit") == std::string::npos;
      ListPolicyConfig config{.key = *list_key(name.substr(0, name.find('_')))};
      if (!want.at("wip").is_null()) config.wip_limit = want.at("wip").get<int64_t>();
      config.upward =
          std::make_shared<UpwardRanks>(upward_ranks(placement.graph(nominal(model_), split)));
      PolicyLimits limits;
      if (want.contains("mem_cap")) {
        limits.cap = want.at("mem_cap").get<int64_t>() * model_.atoms_per_unit();
      }
      const Graph graph = placement.graph(model_, split);
      expect(name, simulate(graph, list_policies(config), limits), want);
    }
  }

  /// "loop4_split"
  void bounds(const json& entries) {
    for (const auto& [name, want] : entries.items()) {
      const Graph graph = Placement::parse(name).graph(model_, name.ends_with("_split"));
      expect_near(name, makespan_bounds(graph).largest(), want);
    }
  }

  /// "loop4_cap_half"
  void memory_bounds(const json& entries) {
    for (const auto& [name, want] : entries.items()) {
      const Graph graph = Placement::parse(name).graph(model_, true);
      const int64_t cap = budget(model_, name.substr(name.rfind('_') + 1));
      expect_near(name, memory_bound(graph, cap * model_.atoms_per_unit()), want);
    }
  }

  int64_t num_values() const { return num_values_; }

 private:
  void expect(const std::string& name, const Simulation& got, const json& want) {
    EXPECT_EQ(got.deadlock, "") << where_ << ' ' << name;
    expect_near(name + " makespan", got.makespan, want.at("makespan"));
    expect_near(name + " span", got.max_rank_span, want.at("max_rank_span"));
    expect_near(name + " bubble", got.bubble, want.at("bubble"), 5e-7);  // six decimals
    const auto unit = static_cast<double>(model_.atoms_per_unit());
    ASSERT_EQ(got.peak_charge.size(), want.at("peak_mem").size());
    for (size_t rank = 0; rank < got.peak_charge.size(); ++rank) {
      expect_near(name + " memory", static_cast<double>(got.peak_charge[rank]) / unit,
                  want.at("peak_mem")[rank], 0);
    }
  }

  void expect_near(const std::string& name, double got, const json& want, double rounding = 5e-10) {
    ++num_values_;
    const auto expected = want.get<double>();
    EXPECT_NEAR(got, expected, std::max(rounding, kRelative * expected)) << where_ << ' ' << name;
  }

  CostModel model_;
  std::string where_;
  int64_t num_values_ = 0;
};

int64_t compare(const std::string& config, const json& scenarios) {
  int64_t values = 0;
  for (const auto& [scenario, entries] : scenarios.items()) {
    Comparison comparison(config, scenario);
    comparison.statics(entries.at("static"));
    comparison.dynamics(entries.at("dynamic"));
    comparison.bounds(entries.at("lower_bounds"));
    comparison.memory_bounds(entries.at("memory_lower_bounds"));
    values += comparison.num_values();
  }
  return values;
}

json load_copy() {
  std::ifstream in(testing::test_data("vectors/schedule_makespans.json"));
  return json::parse(in);
}

TEST(MakespanVectors, SmallCopyIsReproduced) {
  int64_t values = 0;
  const json copy = load_copy();
  for (const auto& [config, scenarios] : copy.at("configs").items()) {
    values += compare(config, scenarios);
  }
  EXPECT_GT(values, 1000);
}

class MakespanVectorsInFull : public ::testing::TestWithParam<const char*> {
 protected:
  void compare_configuration() {
    const auto path = testing::reference_file("vectors/schedule_makespans.json");
    if (!path) GTEST_SKIP() << "vectors/schedule_makespans.json of the reference is not here";
    std::ifstream in(*path);
    const json scenarios = json::parse(in).at("configs").at(GetParam());
    EXPECT_EQ(scenarios.size(), 8U);
    EXPECT_GT(compare(GetParam(), scenarios), 3000);
  }
};
using MakespanVectorsInFullSlow = MakespanVectorsInFull;

TEST_P(MakespanVectorsInFull, EveryValueIsReproduced) { compare_configuration(); }
TEST_P(MakespanVectorsInFullSlow, EveryValueIsReproduced) { compare_configuration(); }

INSTANTIATE_TEST_SUITE_P(Configurations, MakespanVectorsInFull,
                         ::testing::Values("PP4_VPP4_M8", "PP8_VPP1_M16", "PP8_VPP2_M32"));
INSTANTIATE_TEST_SUITE_P(Configurations, MakespanVectorsInFullSlow,
                         ::testing::Values("PP16_VPP4_M64"));

}  // namespace
}  // namespace weft::schedule
