#include "apps/weft/simulate_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <span>
#include <string_view>
#include <utility>

#include "apps/weft/commands.hpp"
#include "apps/weft/counted.hpp"
#include "apps/weft/flag_values.hpp"
#include "apps/weft/time_flags.hpp"
#include "weft/base/error.hpp"
#include "weft/base/nearest_word.hpp"
#include "weft/schedule/bounds.hpp"
#include "weft/schedule/schedule_csv.hpp"
#include "weft/schedule/static_schedule.hpp"

namespace weft::app {

namespace {

using namespace schedule;  // NOLINT(google-build-using-namespace): this file is about nothing else

/// Largest pipeline that is simulated, so that a slip of the finger does not fill the memory.
constexpr int64_t kMostTasks = 50'000'000;
constexpr std::array<std::string_view, 7> kPolicies = {
    "dfc", "bfc", "deep", "critical-path", "critical-path-by-kind", "megatron-dpp", "auto"};

// Runs `action`; a usage error of a library gets the flags that this command has for it.
template <typename Action>
decltype(auto) with_flags(const std::string& flags, const Action& action) {
  try {
    return action();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::usage || !error.hint().empty()) throw;
    throw Error(ErrorKind::usage, error.what(), flags, error.rank());
  }
}

// What a run needs to know besides its order.
struct Request {
  const SimulateOptions& options;
  CostModel model;
  CostModel nominal;  // without random factors
  std::optional<int64_t> cap;
  MicrobatchOrder order;
};

void check_sizes(const CostModel& model) {
  const double tasks = 3.0 * static_cast<double>(model.num_ranks) *
                       static_cast<double>(model.num_atoms()) *
                       static_cast<double>(model.num_microbatches);
  if (!(tasks <= kMostTasks)) {
    fail_with_hint(ErrorKind::usage, "smaller --pp, --vpp or --microbatches",
                   "a step of up to {} tasks (expected at most {})", tasks, kMostTasks);
  }
}

Request make_request(const SimulateOptions& options, const PipelineSchedule* file) {
  Request request{options, {}, {}, {}, MicrobatchOrder::in_order};
  CostModel& model = request.model;
  const auto from_file = [&](const std::optional<int64_t>& given, const std::string& flag,
                             int64_t value) {
    if (given && *given != value) {
      fail_with_hint(ErrorKind::usage, fmt::format("{} {} or without it", flag, value),
                     "{} contradicts {} (got {}, the file has {})", flag, options.csv, *given,
                     value);
    }
    return value;
  };
  if (file != nullptr) {
    model.num_ranks = from_file(options.pp, "--pp", file->stages.num_ranks);
    model.num_microbatches =
        from_file(options.microbatches, "--microbatches", file->num_microbatches);
    model.virtual_chunks =
        at_least_one(options.vpp.value_or(file->stages.num_chunks), "--vpp", "4");
  } else {
    model.num_ranks = required(options.pp, "--pp", "4");
    model.num_microbatches = required(options.microbatches, "--microbatches", "8");
    model.virtual_chunks = at_least_one(options.vpp.value_or(1), "--vpp", "4");
  }
  check_sizes(model);
  set_times(options, model);
  request.nominal = model;
  request.nominal.jitter_sigma = request.nominal.link_jitter_sigma = 0;
  request.nominal.length_sigma = 0;
  if (options.any_order) request.order = MicrobatchOrder::as_they_arrive;
  if (options.cap) {
    if (!(*options.cap > 0 && *options.cap < 1e12)) {
      wrong_value("--cap", *options.cap, "a number above 0", std::to_string(model.virtual_chunks));
    }
    request.cap = static_cast<int64_t>(
        std::floor(*options.cap * static_cast<double>(model.atoms_per_unit()) + 1e-9));
  }
  return request;
}

std::optional<Mapping> mapping_of(const std::string& text) {
  if (text.empty()) return std::nullopt;
  if (text == "loop") return Mapping::loop;
  if (text == "wave") return Mapping::wave;
  wrong_value("--mapping", text, "loop or wave", "loop");
}

std::optional<int64_t> wip_limit(const Request& request) {
  const std::string& text = request.options.wip;
  if (text.empty()) return std::nullopt;
  if (text == "auto") {
    if (!request.options.cap) {
      fail_with_hint(ErrorKind::usage, "--cap UNITS", "--wip auto has no --cap to follow from");
    }
    // 1.5 microbatches for each that the memory holds (reference/schedules.md A.2).
    const double held = *request.options.cap / static_cast<double>(request.model.virtual_chunks);
    return std::max<int64_t>(1, static_cast<int64_t>(std::floor(1.5 * held)));
  }
  const std::string expected = "auto or a whole number of at least 1";
  const double limit = number(text, "--wip", expected, "4");
  if (limit < 1 || limit > 1e9 || limit != std::floor(limit)) {
    wrong_value("--wip", text, expected, "4");
  }
  return static_cast<int64_t>(limit);
}

void refuse(bool given, const std::string& flag, const std::string& why) {
  if (given) {
    fail_with_hint(ErrorKind::usage, "the command without " + flag, "{} has no use here: {}", flag,
                   why);
  }
}

// Memory and bounds, which every kind of run reports alike.
SimulateResult finish(const Request& request, std::string title, Graph graph, Simulation run) {
  double bound = makespan_bounds(graph).largest();
  if (request.cap) bound = std::max(bound, memory_bound(graph, *request.cap));
  SimulateResult result{std::move(title), request.model, std::move(graph), std::move(run),
                        request.cap,      bound,         std::nullopt};
  if (request.cap && result.run.max_peak_charge() > *request.cap) {
    fail_with_hint(ErrorKind::usage,
                   fmt::format("--cap {}, or a schedule with less memory, such as v-half or v-min",
                               result.units(result.run.max_peak_charge())),
                   "{} needs more memory than --cap allows (got {} units, expected at most {})",
                   result.title, result.units(result.run.max_peak_charge()), *request.options.cap);
  }
  return result;
}

SimulateResult run_order(const Request& request, std::string title, const PipelineSchedule& order,
                         bool splits_backward) {
  refuse(!request.options.wip.empty(), "--wip", "the order is fixed");
  refuse(request.options.any_order, "--any-order", "the order is fixed");
  Graph graph =
      make_graph(request.model, order.stages.mapping, order.stages.num_chunks, splits_backward);
  Simulation run = simulate(graph, order);
  return finish(request, std::move(title), std::move(graph), std::move(run));
}

// Whether chunks take turns after a group of microbatches.
bool has_groups(const StaticSchedule& schedule, int64_t chunks) {
  return schedule.name.starts_with("interleaved") && chunks > 1;
}

SimulateResult run_static(const Request& request, const StaticSchedule& schedule) {
  const SimulateOptions& options = request.options;
  const auto mapping = mapping_of(options.mapping);
  refuse(options.no_split_backward && schedule.splits_backward, "--no-split-backward",
         fmt::format("{} splits it by definition", schedule.name));
  const int64_t chunks = schedule.num_chunks(options.chunks.value_or(request.model.virtual_chunks));
  if (mapping && *mapping != schedule.mapping && chunks > 1) {
    fail_with_hint(ErrorKind::usage, "the command without --mapping",
                   "--mapping does not fit {} (got {}, expected {})", schedule.name, name(*mapping),
                   name(schedule.mapping));
  }
  if (options.chunks && *options.chunks != chunks) {
    fail_with_hint(ErrorKind::usage, "the command without --chunks",
                   "--chunks does not fit {} (got {}, expected {})", schedule.name, *options.chunks,
                   chunks);
  }
  refuse(options.group_size.has_value() && !has_groups(schedule, chunks), "--group-size",
         fmt::format("{} of {} has no groups", schedule.name, counted(chunks, "chunk")));
  const int64_t group_size =
      at_least_one(options.group_size.value_or(request.model.num_ranks), "--group-size", "4");
  const PipelineSchedule order = make_static(
      schedule, {request.model.num_ranks, chunks, request.model.num_microbatches, group_size});
  return run_order(request, std::string(schedule.name), order, schedule.splits_backward);
}

SimulateResult run_file(const Request& request, const PipelineSchedule& order) {
  bool splits = false;
  for (const Schedule& rank : order.ranks) splits = splits || splits_backward(rank);
  refuse(request.options.no_split_backward, "--no-split-backward", "the file determines it");
  refuse(request.options.group_size.has_value(), "--group-size", "the file determines it");
  refuse(!request.options.mapping.empty(), "--mapping", "the file determines it");
  refuse(request.options.chunks.has_value(), "--chunks", "the file determines them");
  return run_order(request, request.options.csv, order, splits);
}

SimulateResult run_turns(const Request& request) {
  const SimulateOptions& options = request.options;
  const auto scan = turn_scan(options.scan.empty() ? "bfc" : options.scan);
  if (!scan) {
    wrong_value("--scan", options.scan, "bfc, group or dfc", "bfc");
  }
  refuse(options.cap.has_value(), "--cap", "megatron-dpp has no limit of memory");
  refuse(!options.wip.empty(), "--wip", "megatron-dpp has no limit of microbatches in flight");
  const Mapping mapping = mapping_of(options.mapping).value_or(Mapping::loop);
  Graph graph = make_graph(request.model, mapping,
                           options.chunks.value_or(request.model.virtual_chunks), false);
  Simulation run = simulate(graph, [&](int64_t) { return std::make_unique<TurnPolicy>(*scan); },
                            {{}, request.order});
  return finish(request, fmt::format("megatron-dpp {}", name(*scan)), std::move(graph),
                std::move(run));
}

// Every rank has to hold one microbatch of all its chunks.
void check_cap(const Request& request) {
  const int64_t least = request.model.num_atoms();
  if (request.cap && *request.cap < least) {
    fail_with_hint(ErrorKind::usage, fmt::format("--cap {}", request.model.virtual_chunks),
                   "--cap {} does not hold one microbatch (expected at least {} units)",
                   *request.options.cap, request.model.virtual_chunks);
  }
}

SimulateResult run_candidate(const Request& request, const Candidate& candidate) {
  const CandidateRunner runner(candidate, request.nominal, request.cap);
  Graph graph =
      make_graph(request.model, candidate.mapping, candidate.num_chunks, candidate.splits_backward);
  Simulation run = runner.run(graph, request.order);
  return finish(request, name(candidate), std::move(graph), std::move(run));
}

SimulateResult run_list(const Request& request, ListKey key) {
  Candidate candidate;
  candidate.key = key;
  candidate.wip_limit = wip_limit(request);
  candidate.mapping = mapping_of(request.options.mapping).value_or(Mapping::loop);
  candidate.num_chunks = request.options.chunks.value_or(request.model.virtual_chunks);
  candidate.splits_backward = !request.options.no_split_backward;
  candidate.mode = Candidate::Mode::dispatch;
  return run_candidate(request, candidate);
}

SimulateResult run_planned(const Request& request) {
  refuse(!request.options.wip.empty(), "--wip", "the planner chooses it");
  PlannerConfig config;
  config.model = request.model;
  config.cap = request.cap;
  config.mapping = mapping_of(request.options.mapping);
  config.num_chunks = request.options.chunks;
  config.may_split_backward = !request.options.no_split_backward;
  PlannedStep plan = plan_step(config);
  SimulateResult result = run_candidate(request, plan.chosen().candidate);
  result.plan = std::move(plan);
  return result;
}

SimulateResult run_policy(const Request& request) {
  const std::string& policy = request.options.policy;
  check_cap(request);
  if (request.options.chunks) at_least_one(*request.options.chunks, "--chunks", "2");
  if (policy == "auto") return run_planned(request);
  if (policy == "megatron-dpp") return run_turns(request);
  if (const auto key = list_key(policy)) return run_list(request, *key);
  const std::string nearest = nearest_word(policy, kPolicies);
  wrong_value("--policy", request.options.policy, joined(kPolicies),
              nearest.empty() ? "auto" : nearest);
}

std::vector<std::string_view> schedule_names() {
  std::vector<std::string_view> names;
  for (const StaticSchedule& schedule : static_schedules()) names.push_back(schedule.name);
  names.emplace_back("dynamic");
  return names;
}

// The schedule of --schedule; the error knows of `dynamic` too.
const StaticSchedule& schedule_called(const std::string& given) {
  const std::vector<std::string_view> names = schedule_names();
  const std::string name = with_dashes(given);
  if (std::ranges::count(names, name) > 0) return static_schedule(name);
  const std::string nearest = nearest_word(name, names);
  wrong_value("--schedule", given, joined(names), nearest.empty() ? "interleaved" : nearest);
}

// Exactly one of the three says what to run.
void check_sources(const SimulateOptions& options) {
  std::string given;
  int count = 0;
  for (const auto& [flag, value] : {std::pair("--schedule", &options.schedule),
                                    {"--csv", &options.csv},
                                    {"--policy", &options.policy}}) {
    if (value->empty()) continue;
    given += (count++ == 0 ? "" : " and ") + std::string(flag);
  }
  if (count == 1) return;
  fail_with_hint(ErrorKind::usage, "--schedule interleaved",
                 "{} to simulate (got {}, expected one of --schedule, --csv and --policy)",
                 count == 0 ? "nothing" : "too much", count == 0 ? "none" : given);
}

}  // namespace

std::string names_of_simulate(std::string_view flag) {
  if (flag == "--schedule") return joined(schedule_names(), " ");
  return flag == "--policy" ? joined(kPolicies, " ") : "";
}

SimulateResult run_simulation(const SimulateOptions& given) {
  SimulateOptions options = given;
  check_sources(options);
  options.policy = with_dashes(options.policy);
  if (options.schedule == "dynamic") options.policy = "auto", options.schedule.clear();
  if (options.svg_until) {
    within(*options.svg_until, 0, kMostTime, "--svg-until", "a number of at least 0", "100");
    refuse(options.svg.empty(), "--svg-until", "there is no --svg");
  }
  refuse(!options.scan.empty() && options.policy != "megatron-dpp", "--scan",
         "only megatron-dpp scans");
  if (!options.csv.empty()) {
    const PipelineSchedule order = read_schedule_csv(options.csv);
    return with_flags("--vpp, --csv or the file's schedule",
                      [&] { return run_file(make_request(options, &order), order); });
  }
  const Request request =
      with_flags("--pp, --vpp or --microbatches", [&] { return make_request(options, nullptr); });
  if (options.schedule.empty()) {
    refuse(options.group_size.has_value(), "--group-size", "only static schedules have groups");
    return with_flags("another --chunks, --vpp, --cap, --costs or --jitter",
                      [&] { return run_policy(request); });
  }
  return with_flags("another --microbatches, --vpp or --group-size",
                    [&] { return run_static(request, schedule_called(options.schedule)); });
}

}  // namespace weft::app
