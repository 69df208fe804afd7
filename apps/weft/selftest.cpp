#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/weft/commands.hpp"
#include "weft/base/error.hpp"
#include "weft/device/device_choice.hpp"
#include "weft/selftest/checks.hpp"

namespace weft::app {

namespace {

struct Group {
  const char* name;
  void (*run)(const ComputeDevice&, const selftest::ResultSink&);
};
constexpr std::array<Group, 4> kGroups = {{{"kernels", selftest::check_kernels},
                                           {"products", selftest::check_products},
                                           {"attention", selftest::check_attention},
                                           {"training", selftest::check_training}}};

struct SelftestOptions {
  std::string device = "auto";
  std::vector<std::string> groups;
  bool all = false;
};

struct GroupSummary {
  std::string name;
  int64_t checks = 0;
  int64_t failed = 0;
  double seconds = 0.0;
};

std::string text_of(const selftest::CheckResult& result) {
  return fmt::format("{} {:<10} {}: {:.2e} (at most {:.1e}){}{}",
                     result.passed ? "ok    " : "FAILED", result.group, result.name, result.error,
                     result.tolerance, result.note.empty() ? "" : ": ", result.note);
}

nlohmann::ordered_json json_of(const selftest::CheckResult& result) {
  return {{"group", result.group},         {"name", result.name},     {"error", result.error},
          {"tolerance", result.tolerance}, {"passed", result.passed}, {"note", result.note}};
}

int run(const SelftestOptions& options, const Program& program, Logger& logger) {
  const ComputeDevice device = choose_device(options.device);
  std::vector<GroupSummary> summaries;
  nlohmann::ordered_json checks = nlohmann::ordered_json::array();
  for (const Group& group : kGroups) {
    if (!options.groups.empty() &&
        std::ranges::find(options.groups, group.name) == options.groups.end()) {
      continue;
    }
    GroupSummary summary{.name = group.name};
    const auto start = std::chrono::steady_clock::now();
    group.run(device, [&](const selftest::CheckResult& result) {
      ++summary.checks;
      if (!result.passed) ++summary.failed;
      if (program.json) {
        checks.push_back(json_of(result));
      } else if (!result.passed || options.all) {
        logger.result(text_of(result));
      }
    });
    summary.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    summaries.push_back(summary);
  }
  int64_t failed = 0;
  for (const GroupSummary& summary : summaries) failed += summary.failed;
  if (program.json) {
    const nlohmann::ordered_json object = {
        {"device", device.description()}, {"passed", failed == 0}, {"checks", checks}};
    logger.result(object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
    return failed == 0 ? 0 : exit_code(ErrorKind::numeric);
  }
  logger.result(fmt::format("self-test of {}", device.description()));
  for (const GroupSummary& summary : summaries) {
    logger.result(fmt::format("  {:<10} {:>4} checks, {} failed, {:.1f} s", summary.name,
                              summary.checks, summary.failed, summary.seconds));
  }
  logger.result(failed == 0 ? "passed" : fmt::format("FAILED: {} checks", failed));
  return failed == 0 ? 0 : exit_code(ErrorKind::numeric);
}

}  // namespace

void add_selftest(Command app, Program& program) {
  const Command command = app.add_subcommand(
      "selftest",
      "checks what a device computes against the CPU: kernels, products, attention, training");
  auto options = std::make_shared<SelftestOptions>();
  command.add_option("--device", options->device, "auto, cpu, cuda or cuda:N [auto]");
  command
      .add_option("--group", options->groups,
                  "only these groups: kernels, products, attention, training")
      .one_of({"kernels", "products", "attention", "training"});
  command.add_flag("--all", options->all, "print passed checks too");
  command.add_flag("--json", program.json, "one JSON object on stdout");
  command.callback([options, &program] {
    program.run = [options, &program](Logger& logger) { return run(*options, program, logger); };
  });
}

}  // namespace weft::app
