#include "weft/schedule/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/weft/commands.hpp"
#include "apps/weft/json_text.hpp"
#include "weft/schedule/commit_log_csv.hpp"

namespace weft::app {

namespace {

using Json = nlohmann::ordered_json;
using schedule::CriticalTask;
using schedule::Explanation;
using schedule::StartReason;

std::string_view word(StartReason reason) {
  switch (reason) {
    case StartReason::step:
      return "step";
    case StartReason::rank:
      return "rank";
    case StartReason::message:
      return "message";
    case StartReason::local:
      return "local";
    case StartReason::idle:
      return "idle";
  }
  return "";
}

Json json_of(const Explanation& explanation) {
  Json path = Json::array();
  for (const CriticalTask& task : explanation.critical_path) {
    path.push_back({{"rank", task.rank},
                    {"task", to_string(task.entry.task)},
                    {"start", task.entry.start},
                    {"end", task.entry.end},
                    {"reason", word(task.reason)},
                    {"wait", task.wait}});
  }
  return {{"makespan", explanation.makespan}, {"bound", explanation.bound},
          {"gap", explanation.gap()},         {"work", explanation.work},
          {"warmup", explanation.warmup},     {"memory", explanation.memory},
          {"latency", explanation.latency},   {"jitter", explanation.jitter},
          {"overhead", explanation.overhead}, {"critical_path", path}};
}

void print_budget(const Explanation& explanation, const std::string& unit, Logger& logger) {
  logger.result(fmt::format("makespan {} {}, lower bound {} (gap {:.2f} %)",
                            rounded(explanation.makespan), unit, rounded(explanation.bound),
                            100 * explanation.gap()));
  const auto line = [&](std::string_view name, double time, std::string_view meaning) {
    logger.result(fmt::format("  {:<9} {:>12} {:>7.2f} %  {}", name, rounded(time),
                              explanation.makespan > 0 ? 100 * time / explanation.makespan : 0,
                              meaning));
  };
  line("work", explanation.work, "the busiest rank, without any loss");
  line("warm-up", explanation.warmup, "filling and draining the pipeline");
  line("memory", explanation.memory, "this order against the best found without a memory limit");
  line("latency", explanation.latency, "messages that take time");
  line("jitter", explanation.jitter, "durations that differ between microbatches");
  line("overhead", explanation.overhead, "time that no dependency accounts for");
}

// Neighbours on the path that run on one rank without a gap are one line.
void print_path(const Explanation& explanation, Logger& logger) {
  logger.result(fmt::format("critical path, {} tasks:", explanation.critical_path.size()));
  const auto& path = explanation.critical_path;
  for (size_t first = 0; first < path.size();) {
    size_t last = first;
    while (last + 1 < path.size() && path[last + 1].rank == path[first].rank &&
           path[last + 1].reason == StartReason::rank) {
      ++last;
    }
    const CriticalTask& task = path[first];
    const std::string tasks = first == last
                                  ? to_string(task.entry.task)
                                  : fmt::format("{} .. {} ({} tasks)", to_string(task.entry.task),
                                                to_string(path[last].entry.task), last - first + 1);
    std::string why =
        task.reason == StartReason::step      ? "start of the step"
        : task.reason == StartReason::message ? fmt::format("message after {}", rounded(task.wait))
        : task.reason == StartReason::idle    ? fmt::format("idle for {}", rounded(task.wait))
        : task.reason == StartReason::local   ? "own result"
                                              : "rank was busy";
    logger.result(fmt::format("  {:>10} .. {:<10} rank {:<3} {:<30} {}", rounded(task.entry.start),
                              rounded(path[last].entry.end), task.rank, tasks, why));
    first = last + 1;
  }
}

}  // namespace

void add_explain(Command app, Program& program) {
  const auto path = std::make_shared<std::string>();
  const Command command =
      app.add_subcommand("explain", "Critical path and loss budget of a recorded step");
  command.add_option("LOG", *path, "Commit log, as weft simulate --commit-log writes it")
      .required();
  command.add_flag("--json", program.json,
                   "One object: makespan, bound, gap, work, warmup, memory, latency, jitter, "
                   "overhead, critical_path");
  command.add_flag("--quiet", program.quiet, "Print results and errors only");
  command.footer(
      "Example:\n"
      "  weft simulate --schedule 1f1b --pp 4 --microbatches 8 --latency 0.5 --commit-log "
      "step.csv\n"
      "  weft explain step.csv");
  command.callback([path, &program] {
    program.run = [path, &program](Logger& logger) {
      const schedule::CommitLog log = schedule::read_commit_log(*path);
      const Explanation explanation = schedule::explain(log);
      if (program.json) {
        logger.result(json_text(json_of(explanation)));
        return 0;
      }
      print_budget(explanation, log.time_unit, logger);
      print_path(explanation, logger);
      return 0;
    };
  });
}

}  // namespace weft::app
