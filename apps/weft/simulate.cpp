#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/weft/commands.hpp"
#include "apps/weft/counted.hpp"
#include "apps/weft/json_text.hpp"
#include "apps/weft/simulate_request.hpp"
#include "apps/weft/terminal.hpp"
#include "weft/base/files.hpp"
#include "weft/observe/chart.hpp"
#include "weft/observe/chrome_trace.hpp"
#include "weft/observe/svg.hpp"
#include "weft/schedule/commit_log_csv.hpp"
#include "weft/schedule/schedule_csv.hpp"

namespace weft::app {

namespace {

using Json = nlohmann::ordered_json;

/// Candidates that the text output lists.
constexpr size_t kShownCandidates = 8;

std::vector<double> peak_units(const SimulateResult& result) {
  std::vector<double> units;
  for (const int64_t atoms : result.run.peak_charge) units.push_back(result.units(atoms));
  return units;
}

Json plan_json(const SimulateResult& result) {
  Json candidates = Json::array();
  for (const schedule::Judgement& judgement : result.plan->judgements) {
    candidates.push_back(
        {{"name", name(judgement.candidate)},
         {"nominal", judgement.nominal},
         {"expected", judgement.expected ? Json(*judgement.expected) : Json(nullptr)},
         {"peak_mem", result.units(judgement.peak_charge)},
         {"verdict", judgement.verdict}});
  }
  return {{"chosen", name(result.plan->chosen().candidate)}, {"candidates", candidates}};
}

Json result_json(const SimulateResult& result) {
  const schedule::Simulation& run = result.run;
  const schedule::StageMap& stages = result.graph.stages();
  Json json = {{"schedule", result.title},
               {"pp", stages.num_ranks},
               {"vpp", result.model.virtual_chunks},
               {"microbatches", result.model.num_microbatches},
               {"mapping", name(stages.mapping)},
               {"chunks", stages.num_chunks},
               {"makespan", run.makespan},
               {"max_rank_span", run.max_rank_span},
               {"bubble", run.bubble},
               {"peak_mem", peak_units(result)},
               {"lower_bound", result.lower_bound},
               {"gap", result.gap()},
               {"deadlock", run.deadlock.empty() ? Json(false) : Json(run.deadlock)},
               {"tasks", run.log.plan().num_tasks()}};
  if (result.plan) json["plan"] = plan_json(result);
  return json;
}

std::string peaks_text(const SimulateResult& result) {
  std::string text;
  for (const double units : peak_units(result)) {
    if (!text.empty()) text += ' ';
    text += rounded(units);
  }
  return text;
}

void print_plan(const SimulateResult& result, Logger& logger) {
  logger.result(fmt::format("{} candidates, the best of them:", result.plan->judgements.size()));
  logger.result(
      fmt::format("  {:<44} {:>9} {:>9}  {}", "candidate", "nominal", "expected", "verdict"));
  for (size_t i = 0; i < std::min(kShownCandidates, result.plan->judgements.size()); ++i) {
    const schedule::Judgement& judgement = result.plan->judgements[i];
    logger.result(fmt::format(
        "  {:<44} {:>9} {:>9}  {}", name(judgement.candidate), rounded(judgement.nominal),
        judgement.expected ? rounded(*judgement.expected) : "-", judgement.verdict));
  }
}

void print_result(const SimulateResult& result, Logger& logger) {
  const schedule::Simulation& run = result.run;
  const schedule::StageMap& stages = result.graph.stages();
  logger.result(fmt::format("{}: {} x {} ({}), {}, {}", result.title,
                            counted(stages.num_ranks, "rank"), counted(stages.num_chunks, "chunk"),
                            name(stages.mapping),
                            counted(result.model.num_microbatches, "microbatch"),
                            counted(run.log.plan().num_tasks(), "task")));
  if (!run.deadlock.empty()) {
    logger.result(fmt::format("  deadlock      {}", run.deadlock));
    return;
  }
  logger.result(fmt::format("  makespan      {} (largest span of a rank {})", rounded(run.makespan),
                            rounded(run.max_rank_span)));
  logger.result(fmt::format("  lower bound   {} (gap {:.2f} %)", rounded(result.lower_bound),
                            100 * result.gap()));
  logger.result(fmt::format("  bubble        {:.2f} %", 100 * run.bubble));
  logger.result(fmt::format("  peak memory   {} (by rank, in VPP chunks of one microbatch)",
                            peaks_text(result)));
  if (result.plan) print_plan(result, logger);
}

void write_file(const std::string& path, const std::string& text, Logger& logger) {
  AtomicFile file(path, ErrorKind::data);
  file.write(text);
  file.commit();
  logger.info("wrote " + path);
}

void write_files(const SimulateOptions& options, const SimulateResult& result, Logger& logger) {
  const schedule::CommitLog& log = result.run.log;
  const std::string title = fmt::format(
      "{}, {}, {}: makespan {}", result.title, counted(result.graph.stages().num_ranks, "rank"),
      counted(result.model.num_microbatches, "microbatch"), rounded(result.run.makespan));
  if (!options.svg.empty()) {
    write_file(options.svg,
               observe::to_svg(log, {.title = title, .end = options.svg_until.value_or(0)}),
               logger);
  }
  if (!options.trace.empty()) write_file(options.trace, observe::to_chrome_trace(log), logger);
  if (!options.csv_out.empty()) write_file(options.csv_out, schedule::to_csv(log.plan()), logger);
  if (!options.commit_log.empty()) write_file(options.commit_log, schedule::to_csv(log), logger);
}

int simulate(const SimulateOptions& options, bool json, Logger& logger) {
  const SimulateResult result = run_simulation(options);
  write_files(options, result, logger);  // first: an error must not follow a JSON object
  if (json) {
    logger.result(json_text(result_json(result)));
  } else {
    print_result(result, logger);
  }
  if (options.draw) {
    const Terminal terminal = detect_terminal();
    std::string chart = observe::draw_chart(
        result.run.log, {terminal.width, terminal.colour && !json, terminal.unicode});
    if (chart.ends_with('\n')) chart.pop_back();
    json ? logger.info(chart) : logger.result(chart);  // stdout holds the JSON object alone
  }
  return 0;
}

void add_what(Command command, SimulateOptions& options) {
  command
      .add_option("--schedule", options.schedule,
                  "gpipe, 1f1b, interleaved, breadth-first, zb-h1, zb-h2, zb-v, v-half, v-min, "
                  "dualpipe-v, interleaved-zb1p, interleaved-zb-w2, dynamic (= --policy auto)")
      .type_name("NAME")
      .group("What to run (one of these)");
  command
      .add_option("--csv", options.csv,
                  "Orders from a file in torch.distributed.pipelining's compute-only format")
      .type_name("FILE")
      .group("What to run (one of these)");
  command
      .add_option("--policy", options.policy,
                  "dfc, bfc, deep, critical-path, critical-path-by-kind, megatron-dpp, or auto: "
                  "the planner's choice")
      .type_name("NAME")
      .group("What to run (one of these)");
}

void add_pipeline(Command command, SimulateOptions& options) {
  const char* group = "Pipeline";
  command.add_option("--pp", options.pp, "Pipeline ranks").group(group);
  command
      .add_option("--vpp", options.vpp, "Virtual chunks per rank: the unit of time and memory [1]")
      .group(group);
  command.add_option("--microbatches", options.microbatches, "Microbatches per step").group(group);
  command.add_option("--mapping", options.mapping, "How stages are laid over ranks [loop]")
      .type_name("loop|wave")
      .group(group);
  command.add_option("--chunks", options.chunks, "Chunks per rank of a policy [--vpp]")
      .group(group);
  command
      .add_option("--group-size", options.group_size,
                  "Consecutive microbatches of a chunk in interleaved schedules [--pp]")
      .group(group);
  command
      .add_flag("--no-split-backward", options.no_split_backward,
                "Policies run both gradients as one task")
      .group(group);
}

void add_times(Command command, SimulateOptions& options) {
  const char* group = "Times (units of a VPP chunk's forward)";
  command
      .add_option("--costs", options.costs,
                  "Of a VPP chunk: forward, input gradient, weight gradient")
      .type_name("F,B,W")
      .capture_default_str()
      .group(group);
  command
      .add_option("--first-weight", options.first_weight,
                  "Factor of the first of the equal pieces that the model is cut into (an even "
                  "number per rank, at least --vpp) [1]")
      .group(group);
  command
      .add_option("--last-weight", options.last_weight, "The same of the last: head and loss [1]")
      .group(group);
  command.add_option("--latency", options.latency, "Of every message between ranks [0]")
      .group(group);
  command
      .add_option("--slow-rank", options.slow_ranks,
                  "Multiplies all durations of a rank; repeatable")
      .type_name("RANK:FACTOR")
      .group(group);
  command
      .add_option("--jitter", options.jitter,
                  "Standard deviation of the lognormal factor of every duration [0]")
      .group(group);
  command.add_option("--link-jitter", options.link_jitter, "The same of every latency [0]")
      .group(group);
  command
      .add_option("--length-jitter", options.length_jitter,
                  "The same of every microbatch's length [0]")
      .group(group);
  command.add_option("--seed", options.seed, "Of the random factors")
      .capture_default_str()
      .group(group);
}

void add_limits(Command command, SimulateOptions& options) {
  const char* group = "Policies";
  command
      .add_option("--cap", options.cap,
                  "Memory of a rank in VPP chunks of one microbatch [no limit]")
      .group(group);
  command
      .add_option("--wip", options.wip,
                  "Most microbatches in flight; auto: 1.5 for each that --cap holds [no limit]")
      .type_name("N|auto")
      .group(group);
  command.add_option("--scan", options.scan, "Order in which megatron-dpp looks for a task [bfc]")
      .type_name("bfc|group|dfc")
      .group(group);
  command
      .add_flag("--any-order", options.any_order,
                "Microbatches of a stage run as they arrive (a training run keeps their order)")
      .group(group);
}

void add_output(Command command, SimulateOptions& options, Program& program) {
  const char* group = "Output";
  command.add_flag("--draw", options.draw, "A chart that fits the terminal").group(group);
  const auto add_file = [&](const char* flag, std::string& path, const char* help) {
    command.add_option(flag, path, help)
        .type_name("FILE")
        .group(group)
        .check([](const std::string& given) { return given.empty() ? "the name is empty" : ""; });
  };
  add_file("--svg", options.svg, "Picture of the step");
  command
      .add_option("--svg-until", options.svg_until,
                  "Last time on its axis, for pictures of one scale [the makespan]")
      .group(group);
  add_file("--trace", options.trace, "Trace events for ui.perfetto.dev");
  add_file("--csv-out", options.csv_out, "The orders, for --csv or torch");
  add_file("--commit-log", options.commit_log, "Orders and times, for weft explain");
  command
      .add_flag("--json", program.json,
                "One object: makespan, max_rank_span, bubble, peak_mem, lower_bound, gap, "
                "deadlock, tasks")
      .group(group);
  command.add_flag("--quiet", program.quiet, "Print results and errors only").group(group);
}

}  // namespace

void add_simulate(Command app, Program& program) {
  const auto options = std::make_shared<SimulateOptions>();
  const Command command =
      app.add_subcommand("simulate", "Runs a pipeline schedule or policy in the reference model");
  add_what(command, *options);
  add_pipeline(command, *options);
  add_times(command, *options);
  add_limits(command, *options);
  add_output(command, *options, program);
  command.footer(
      "Examples:\n"
      "  weft simulate --schedule interleaved --pp 4 --vpp 4 --microbatches 8 --draw\n"
      "  weft simulate --policy auto --pp 8 --vpp 2 --microbatches 32 --cap 23 --jitter 0.3");
  command.callback([options, &program] {
    program.run = [options, &program](Logger& logger) {
      return simulate(*options, program.json, logger);
    };
  });
}

}  // namespace weft::app
