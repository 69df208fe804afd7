#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "apps/weft/commands.hpp"
#include "apps/weft/json_text.hpp"
#include "weft/base/error.hpp"
#include "weft/schedule/bounds.hpp"
#include "weft/schedule/planner.hpp"
#include "weft/schedule/static_schedule.hpp"
#include "weft/schedule/turn_policy.hpp"

namespace weft::app {

namespace {

using Json = nlohmann::ordered_json;
using schedule::Candidate;
using schedule::CandidateRunner;
using schedule::CostModel;
using schedule::ListKey;
using schedule::Mapping;
using schedule::Simulation;

/// Draws that random scenarios are measured on; the planner only ever sees others.
constexpr int64_t kTestSeeds = 5;

struct Size {
  int64_t pp, vpp, microbatches;
};
/// The sizes of the reference results (reference/schedules.md 3).
constexpr Size kSizes[] = {{4, 4, 8}, {8, 1, 16}, {8, 2, 32}, {16, 4, 64}};

struct Scenario {
  std::string name;
  CostModel model;  ///< the seed is set per draw

  bool is_random() const { return model.jitter_sigma > 0; }
  int64_t num_draws() const { return is_random() ? kTestSeeds : 1; }
  CostModel draw(int64_t index) const {
    CostModel drawn = model;
    drawn.seed = static_cast<uint64_t>(index + 1);
    return drawn;
  }
  CostModel nominal() const {
    CostModel calm = model;
    calm.jitter_sigma = 0;
    return calm;
  }
};

std::vector<Scenario> scenarios(const Size& size) {
  CostModel model;
  model.num_ranks = size.pp;
  model.virtual_chunks = size.vpp;
  model.num_microbatches = size.microbatches;
  std::vector<Scenario> all(4, Scenario{"uniform", model});
  all[1].name = "slow rank";
  all[1].model.rank_slowdown = schedule::slow_rank(size.pp, size.pp / 2, 1.5);
  all[2].name = "latency";
  all[2].model.latency = 0.5;
  all[3].name = "jitter";
  all[3].model.jitter_sigma = 0.3;
  return all;
}

/// Memory that schedules are given, in units of a VPP chunk of one microbatch.
struct Budget {
  std::string name;
  int64_t units;
};
std::vector<Budget> budgets(const Size& size) {
  const int64_t full = size.pp * size.vpp;
  return {{"half", std::max(full / 2, size.vpp + 1)},
          {"1f1b", full},
          {"interleaved", full + size.pp - 1},
          {"double", 2 * full}};
}

/// How one schedule or policy did in every scenario.
struct Row {
  std::string group;  ///< title of the rows of its kind
  std::string name;
  std::string budget;               ///< empty when it has no cap
  double peak = 0;                  ///< largest of any rank and scenario, in units
  std::vector<double> makespan;     ///< [scenario], mean over draws
  std::vector<std::string> choice;  ///< [scenario] of the planner
};

class Bench {
 public:
  Bench(const Size& size, Logger& logger)
      : size_(size), scenarios_(scenarios(size)), logger_(logger) {
    for (const Scenario& scenario : scenarios_) bounds_.push_back(bound_of(scenario));
  }

  void run() {
    add_statics();
    add_policies();
    add_megatron_dpp();
    for (const Budget& budget : budgets(size_)) add_planner(budget);
  }

  void print() const {
    logger_.result(
        fmt::format("PP{} VPP{} M{}: makespan and its multiple of the bound; jitter: "
                    "mean of {} draws",
                    size_.pp, size_.vpp, size_.microbatches, kTestSeeds));
    std::string head = fmt::format("  {:<30}{:>6}", "", "memory");
    for (const Scenario& scenario : scenarios_) head += fmt::format("{:>15}", scenario.name);
    logger_.result(head);
    std::string bounds = fmt::format("  {:<36}", "lower bound");
    for (const double bound : bounds_) bounds += cell(bound, "1");
    logger_.result(bounds);
    for (size_t i = 0; i < rows_.size(); ++i) {
      if (i == 0 || rows_[i].group != rows_[i - 1].group) logger_.result(rows_[i].group);
      print(rows_[i]);
    }
    logger_.result("");
  }

  Json json() const {
    Json rows = Json::array();
    for (const Row& row : rows_) {
      Json entry = {{"name", row.name},
                    {"budget", row.budget.empty() ? Json(nullptr) : Json(row.budget)},
                    {"peak_mem", row.peak}};
      for (size_t i = 0; i < scenarios_.size(); ++i) {
        Json result = {{"makespan", row.makespan[i]}, {"over_bound", row.makespan[i] / bounds_[i]}};
        if (!row.choice.empty()) result["choice"] = row.choice[i];
        entry[scenarios_[i].name] = result;
      }
      rows.push_back(entry);
    }
    Json bounds;
    for (size_t i = 0; i < scenarios_.size(); ++i) bounds[scenarios_[i].name] = bounds_[i];
    return {{"pp", size_.pp},
            {"vpp", size_.vpp},
            {"microbatches", size_.microbatches},
            {"bound", bounds},
            {"rows", rows}};
  }

  int64_t num_tasks() const { return num_tasks_; }
  double simulation_s() const { return simulation_s_; }

 private:
  static std::string cell(double makespan, const std::string& over_bound) {
    return fmt::format("{:>9.5g}{:>6}", makespan, over_bound);
  }

  void print(const Row& row) const {
    const std::string name =
        row.choice.empty() ? row.name : fmt::format("given {} memory", row.budget);
    std::string text = fmt::format("  {:<30}{:>6}", name, rounded(row.peak));
    for (size_t i = 0; i < scenarios_.size(); ++i) {
      text += cell(row.makespan[i], fmt::format("{:.3f}", row.makespan[i] / bounds_[i]));
    }
    logger_.result(text);
    for (size_t i = 0; i < row.choice.size(); ++i) {
      logger_.result(fmt::format("    {:<9}  {}", scenarios_[i].name, row.choice[i]));
    }
  }

  CostModel base() const { return scenarios_.front().model; }
  double units(int64_t atoms) const {
    return static_cast<double>(atoms) / static_cast<double>(base().atoms_per_unit());
  }

  // Chunks per rank and mapping that schedules of this size may use.
  std::vector<std::pair<Mapping, int64_t>> placements() const {
    std::vector<std::pair<Mapping, int64_t>> all = {{Mapping::loop, size_.vpp}, {Mapping::wave, 2}};
    if (size_.vpp > 2) all.emplace_back(Mapping::wave, size_.vpp);
    return all;  // the atoms of a rank are even, so two chunks always divide them
  }

  // What no schedule of this size can beat on average, whatever its mapping: the least of their
  // bounds.
  double bound_of(const Scenario& scenario) const {
    double least = std::numeric_limits<double>::infinity();
    for (const auto& [mapping, chunks] : placements()) {
      double sum = 0;
      for (int64_t i = 0; i < scenario.num_draws(); ++i) {
        const auto graph = schedule::make_graph(scenario.draw(i), mapping, chunks, true);
        sum += schedule::makespan_bounds(graph).largest();
      }
      least = std::min(least, sum / static_cast<double>(scenario.num_draws()));
    }
    return least;
  }

  // Adds the results of one scenario to a row; `run` simulates one draw.
  template <typename Run>
  void add_scenario(Row& row, const Scenario& scenario, const Run& run) {
    double sum = 0;
    for (int64_t i = 0; i < scenario.num_draws(); ++i) {
      const auto start = std::chrono::steady_clock::now();
      const Simulation result = run(scenario.draw(i));
      simulation_s_ +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      for (const auto& entries : result.log.ranks) {
        num_tasks_ += static_cast<int64_t>(entries.size());
      }
      check(result.deadlock.empty(), ErrorKind::internal, "{} deadlocks: {}", row.name,
            result.deadlock);
      sum += result.makespan;
      row.peak = std::max(row.peak, units(result.max_peak_charge()));
    }
    row.makespan.push_back(sum / static_cast<double>(scenario.num_draws()));
  }

  void add_candidate(std::string group, std::string row_name, const Candidate& candidate,
                     const Budget* budget) {
    Row row{
        std::move(group), std::move(row_name), budget == nullptr ? "" : budget->name, 0, {}, {}};
    std::optional<int64_t> cap;
    if (budget != nullptr) cap = budget->units * base().atoms_per_unit();
    for (const Scenario& scenario : scenarios_) {
      const CandidateRunner runner(candidate, scenario.nominal(), cap);
      add_scenario(row, scenario, [&](const CostModel& model) { return runner.run(model); });
    }
    rows_.push_back(std::move(row));
  }

  void add_statics() {
    for (const schedule::StaticSchedule& schedule : schedule::static_schedules()) {
      if (schedule.chunks == schedule::ChunkRule::free && size_.vpp == 1) continue;
      Candidate candidate;
      candidate.static_name = schedule.name;
      candidate.mapping = schedule.mapping;
      candidate.num_chunks = schedule.num_chunks(size_.vpp);
      candidate.splits_backward = schedule.splits_backward;
      try {
        add_candidate("static schedules", std::string(schedule.name), candidate, nullptr);
      } catch (const Error& error) {  // not defined for this size
        logger_.info(fmt::format("left out {}: {}", schedule.name, error.what()));
      }
    }
  }

  void add_policies() {
    const Budget budget = budgets(size_)[2];
    const std::string group = fmt::format(
        "policies that decide at run time, with {} memory: {} units", budget.name, budget.units);
    for (const ListKey key :
         {ListKey::depth_first, ListKey::breadth_first, ListKey::deep, ListKey::critical_path}) {
      for (const auto& [mapping, chunks] : placements()) {
        Candidate candidate;
        candidate.key = key;
        candidate.wip_limit = std::max<int64_t>(1, budget.units * 3 / (2 * size_.vpp));
        candidate.mapping = mapping;
        candidate.num_chunks = chunks;
        candidate.mode = Candidate::Mode::dispatch;
        add_candidate(group, name(candidate), candidate, &budget);
      }
    }
  }

  void add_megatron_dpp() {
    Row row{"without a limit of memory", "megatron-dpp (unsplit)", "", 0, {}, {}};
    for (const Scenario& scenario : scenarios_) {
      add_scenario(row, scenario, [&](const CostModel& model) {
        const auto graph = schedule::make_graph(model, Mapping::loop, size_.vpp, false);
        return schedule::simulate(graph, [](int64_t) {
          return std::make_unique<schedule::TurnPolicy>(schedule::TurnScan::bfc);
        });
      });
    }
    rows_.push_back(std::move(row));
  }

  void add_planner(const Budget& budget) {
    Row row{"the planner, and what it chose", "planner", budget.name, 0, {}, {}};
    for (const Scenario& scenario : scenarios_) {
      logger_.info(fmt::format("PP{} VPP{} M{}: planning for {}, {} memory", size_.pp, size_.vpp,
                               size_.microbatches, scenario.name, budget.name));
      schedule::PlannerConfig config;
      config.model = scenario.model;
      config.cap = budget.units * base().atoms_per_unit();
      const Candidate chosen = schedule::plan_step(config).chosen().candidate;
      row.choice.push_back(name(chosen));
      const CandidateRunner runner(chosen, scenario.nominal(), config.cap);
      add_scenario(row, scenario, [&](const CostModel& model) { return runner.run(model); });
    }
    rows_.push_back(std::move(row));
  }

  Size size_;
  std::vector<Scenario> scenarios_;
  Logger& logger_;
  std::vector<double> bounds_;  // [scenario]
  std::vector<Row> rows_;
  int64_t num_tasks_ = 0;
  double simulation_s_ = 0;
};

struct BenchOptions {
  std::optional<int64_t> pp;
  std::optional<int64_t> vpp;
  std::optional<int64_t> microbatches;
};

std::vector<Size> sizes_of(const BenchOptions& options) {
  const int given = static_cast<int>(options.pp.has_value()) +
                    static_cast<int>(options.vpp.has_value()) +
                    static_cast<int>(options.microbatches.has_value());
  if (given == 0) return {std::begin(kSizes), std::end(kSizes)};
  if (given != 3) {
    fail_with_hint(ErrorKind::usage, "--pp 8 --vpp 2 --microbatches 32, or none of them",
                   "a size is incomplete (got {} of --pp, --vpp and --microbatches)", given);
  }
  const Size size{*options.pp, *options.vpp, *options.microbatches};
  const bool fits = size.pp >= 1 && size.vpp >= 1 && size.microbatches >= 1 && size.pp <= 256 &&
                    size.vpp <= 64 && size.microbatches <= 4096 &&
                    size.pp * size.vpp * size.microbatches <= 1'000'000;
  if (!fits) {
    fail_with_hint(
        ErrorKind::usage, "--pp 8 --vpp 2 --microbatches 32",
        "a size out of range (got --pp {} --vpp {} --microbatches {}, expected 1 to 256, "
        "64 and 4096, and at most a million chunks in all)",
        size.pp, size.vpp, size.microbatches);
  }
  return {size};
}

int run_bench(const BenchOptions& options, bool json, Logger& logger) {
  Json configs = Json::array();
  int64_t num_tasks = 0;
  double simulation_s = 0;
  for (const Size& size : sizes_of(options)) {
    Bench bench(size, logger);
    bench.run();
    if (json) {
      configs.push_back(bench.json());
    } else {
      bench.print();
    }
    num_tasks += bench.num_tasks();
    simulation_s += bench.simulation_s();
  }
  const double tasks_per_s = static_cast<double>(num_tasks) / simulation_s;
  if (json) {
    logger.result(json_text({{"configs", configs}, {"tasks_per_s", tasks_per_s}}));
  } else {
    logger.result(fmt::format("simulated {} tasks in {:.2f} s on one core: {:.1f} million a second",
                              num_tasks, simulation_s, tasks_per_s / 1e6));
  }
  return 0;
}

}  // namespace

void add_bench_schedules(Command bench, Program& program) {
  const auto options = std::make_shared<BenchOptions>();
  const Command command = bench.add_subcommand(
      "schedules",
      "Every schedule and policy in four scenarios, over the lower bound (about a minute)");
  command.add_option("--pp", options->pp, "One size instead of the four: pipeline ranks");
  command.add_option("--vpp", options->vpp, "Virtual chunks per rank");
  command.add_option("--microbatches", options->microbatches, "Microbatches per step");
  command.add_flag("--json", program.json, "One object: configs, tasks_per_s");
  command.add_flag("--quiet", program.quiet, "No progress on stderr");
  command.footer("Example:\n  weft bench schedules --pp 4 --vpp 4 --microbatches 8");
  command.callback([options, &program] {
    program.run = [options, &program](Logger& logger) {
      return run_bench(*options, program.json, logger);
    };
  });
}

}  // namespace weft::app
