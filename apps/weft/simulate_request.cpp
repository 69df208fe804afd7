#include "apps/weft/simulate_request.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/schedule/bounds.hpp"
#include "weft/schedule/schedule_csv.hpp"
#include "weft/schedule/static_schedule.hpp"

namespace weft::app {

namespace {

using namespace schedule;  // NOLINT(google-build-using-namespace): this file is about nothing else

/// Largest pipeline that is simulated, so that a slip of the finger does not fill the memory.
constexpr int64_t kMostTasks = 50'000'000;

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

double number(const std::string& text, const std::string& flag, const std::string& expected) {
  size_t used = 0;
  double value = 0;
  try {
    value = std::stod(text, &used);
  } catch (const std::exception&) {
    used = 0;
  }
  if (used != text.size() || text.empty() || !std::isfinite(value)) {
    fail_with_hint(ErrorKind::usage, flag, "{} has a wrong value (got {}, expected {})", flag, text,
                   expected);
  }
  return value;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

void set_costs(const std::string& text, CostModel& model) {
  const std::vector<std::string> parts = split(text, ',');
  if (parts.size() != 3) {
    fail_with_hint(ErrorKind::usage, "--costs 1,1,1",
                   "--costs has {} values (got {}, expected three: forward, input gradient, weight "
                   "gradient)",
                   parts.size(), text);
  }
  const std::string expected = "three numbers of at least 0, such as 1,1,1";
  model.forward = number(parts[0], "--costs", expected);
  model.backward_input = number(parts[1], "--costs", expected);
  model.backward_weight = number(parts[2], "--costs", expected);
}

void set_slow_ranks(const std::vector<std::string>& texts, CostModel& model) {
  if (!texts.empty()) model.rank_slowdown.assign(static_cast<size_t>(model.num_ranks), 1);
  for (const std::string& text : texts) {
    const std::string expected = fmt::format("RANK:FACTOR with a rank from 0 to {}, such as {}:1.5",
                                             model.num_ranks - 1, model.num_ranks / 2);
    const std::vector<std::string> parts = split(text, ':');
    const double rank = number(parts[0], "--slow-rank", expected);
    const double factor = parts.size() == 2 ? number(parts[1], "--slow-rank", expected) : -1;
    if (parts.size() != 2 || rank < 0 || rank >= static_cast<double>(model.num_ranks) ||
        rank != std::floor(rank) || factor < 0) {
      fail_with_hint(ErrorKind::usage, "--slow-rank",
                     "--slow-rank has a wrong value (got {}, "
                     "expected {})",
                     text, expected);
    }
    model.rank_slowdown[static_cast<size_t>(rank)] = factor;
  }
}

// Embedding, head and loss make the ends of the model heavier.
void set_weights(const SimulateOptions& options, CostModel& model) {
  if (options.first_weight == 1 && options.last_weight == 1) return;
  model.atom_weight.assign(static_cast<size_t>(model.num_ranks * model.num_atoms()), 1);
  model.atom_weight.front() *= options.first_weight;
  model.atom_weight.back() *= options.last_weight;
}

int64_t required(const std::optional<int64_t>& value, const std::string& flag) {
  if (!value) fail_with_hint(ErrorKind::usage, flag + " N", "{} is missing", flag);
  if (*value < 1) {
    fail_with_hint(ErrorKind::usage, flag, "{} is {} (expected at least 1)", flag, *value);
  }
  return *value;
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
    model.virtual_chunks = required(options.vpp.value_or(file->stages.num_chunks), "--vpp");
  } else {
    model.num_ranks = required(options.pp, "--pp");
    model.num_microbatches = required(options.microbatches, "--microbatches");
    model.virtual_chunks = required(options.vpp.value_or(1), "--vpp");
  }
  check_sizes(model);
  set_costs(options.costs, model);
  set_slow_ranks(options.slow_ranks, model);
  set_weights(options, model);
  model.latency = options.latency;
  model.jitter_sigma = options.jitter;
  model.link_jitter_sigma = options.link_jitter;
  model.length_sigma = options.length_jitter;
  model.seed = options.seed;
  request.nominal = model;
  request.nominal.jitter_sigma = request.nominal.link_jitter_sigma = 0;
  request.nominal.length_sigma = 0;
  if (options.any_order) request.order = MicrobatchOrder::as_they_arrive;
  if (options.cap) {
    if (!(*options.cap > 0 && *options.cap < 1e12)) {
      fail_with_hint(ErrorKind::usage, "--cap", "--cap is {} (expected more than 0)", *options.cap);
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
  fail_with_hint(ErrorKind::usage, "--mapping loop",
                 "--mapping has a wrong value (got {}, expected "
                 "loop or wave)",
                 text);
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
  const double limit = number(text, "--wip", "auto or a whole number of at least 1");
  if (limit < 1 || limit > 1e9 || limit != std::floor(limit)) {
    fail_with_hint(ErrorKind::usage, "--wip auto",
                   "--wip has a wrong value (got {}, expected auto "
                   "or a whole number of at least 1)",
                   text);
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

SimulateResult run_static(const Request& request, const StaticSchedule& schedule) {
  const SimulateOptions& options = request.options;
  const auto mapping = mapping_of(options.mapping);
  refuse(options.no_split_backward && schedule.splits_backward, "--no-split-backward",
         fmt::format("{} splits it by definition", schedule.name));
  const int64_t chunks = schedule.num_chunks(options.chunks.value_or(request.model.virtual_chunks));
  if ((mapping && *mapping != schedule.mapping && chunks > 1) ||
      (options.chunks && *options.chunks != chunks)) {
    fail_with_hint(ErrorKind::usage, "the command without --mapping and --chunks",
                   "{} runs {} chunks per rank in a {} (got --mapping {} --chunks {})",
                   schedule.name, chunks, name(schedule.mapping),
                   options.mapping.empty() ? "-" : options.mapping,
                   options.chunks ? std::to_string(*options.chunks) : "-");
  }
  const PipelineSchedule order = make_static(
      schedule,
      {request.model.num_ranks, chunks, request.model.num_microbatches, options.group_size});
  return run_order(request, std::string(schedule.name), order, schedule.splits_backward);
}

SimulateResult run_file(const Request& request, const PipelineSchedule& order) {
  bool splits = false;
  for (const Schedule& rank : order.ranks) splits = splits || splits_backward(rank);
  refuse(!request.options.mapping.empty(), "--mapping", "the file determines it");
  refuse(request.options.chunks.has_value(), "--chunks", "the file determines them");
  return run_order(request, request.options.csv, order, splits);
}

SimulateResult run_turns(const Request& request) {
  const SimulateOptions& options = request.options;
  const auto scan = turn_scan(options.scan);
  if (!scan) {
    fail_with_hint(ErrorKind::usage, "--scan bfc",
                   "--scan has a wrong value (got {}, expected bfc, "
                   "group or dfc)",
                   options.scan);
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
  if (policy == "auto") return run_planned(request);
  if (policy == "megatron-dpp") return run_turns(request);
  if (const auto key = list_key(policy)) return run_list(request, *key);
  fail_with_hint(ErrorKind::usage, "--policy auto",
                 "--policy has a wrong value (got {}, expected dfc, bfc, deep, critical-path, "
                 "critical-path-by-kind, megatron-dpp or auto)",
                 policy);
}

}  // namespace

SimulateResult run_simulation(const SimulateOptions& given) {
  SimulateOptions options = given;
  const int sources = static_cast<int>(!options.schedule.empty()) +
                      static_cast<int>(!options.csv.empty()) +
                      static_cast<int>(!options.policy.empty());
  if (sources != 1) {
    fail_with_hint(ErrorKind::usage, "--schedule interleaved",
                   "nothing, or too much, to simulate (got {} of --schedule, --csv and --policy, "
                   "expected one)",
                   sources);
  }
  if (options.schedule == "dynamic") options.policy = "auto", options.schedule.clear();
  if (!options.csv.empty()) {
    const PipelineSchedule order = read_schedule_csv(options.csv);
    return with_flags("--vpp, --csv or the file's schedule",
                      [&] { return run_file(make_request(options, &order), order); });
  }
  const Request request =
      with_flags("--pp, --vpp or --microbatches", [&] { return make_request(options, nullptr); });
  if (options.schedule.empty()) {
    refuse(options.group_size != 0, "--group-size", "only static schedules have groups");
    return with_flags("another --chunks, --vpp, --cap, --costs or --jitter",
                      [&] { return run_policy(request); });
  }
  const auto named = [&]() -> const StaticSchedule& { return static_schedule(options.schedule); };
  const StaticSchedule& schedule = with_flags("--schedule interleaved", named);
  return with_flags("another --microbatches, --vpp or --group-size",
                    [&] { return run_static(request, schedule); });
}

}  // namespace weft::app
