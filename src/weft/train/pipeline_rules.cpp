#include "weft/train/pipeline_rules.hpp"

#include <fmt/format.h>

#include <array>
#include <cmath>

#include "weft/base/error.hpp"
#include "weft/comm/fault.hpp"
#include "weft/train/option_table.hpp"

namespace weft::train {

namespace {

constexpr std::array kPipelineOptions = {"use_dpp",
                                         "pipeline_schedule",
                                         "pipeline_mapping",
                                         "dpp_order",
                                         "dpp_memory_budget",
                                         "replay_schedule",
                                         "microbatch_group_size_per_vp_stage"};

std::string flag_of(const char* name) { return std::string(main_flag(*find_option(name))); }

bool is_dynamic(const OptionValues& values) {
  return values.flag("use_dpp") || values.text("pipeline_schedule") == "dynamic";
}

void check_order(const OptionValues& values, std::vector<OptionProblem>& problems) {
  const bool dynamic = is_dynamic(values);
  const std::string schedule = values.text("pipeline_schedule");
  const bool fixed = !schedule.empty() && schedule != "dynamic";
  if (values.flag("use_dpp") && fixed) {
    problems.push_back({fmt::format("--use-dpp decides the order that --pipeline-schedule fixes "
                                    "(got both, with {})",
                                    schedule),
                        "one of them"});
  }
  if (!values.text("replay_schedule").empty() && (dynamic || fixed)) {
    problems.push_back({"--replay-schedule fixes the order (got another choice of it too)",
                        "--replay-schedule without --use-dpp and --pipeline-schedule"});
  }
  for (const char* name : {"dpp_order", "dpp_memory_budget"}) {
    if (dynamic || !values.given(name)) continue;
    problems.push_back(
        {fmt::format("{} needs a dynamic pipeline (got none)", flag_of(name)), "--use-dpp"});
  }
}

void check_ranges(const OptionValues& values, std::vector<OptionProblem>& problems) {
  for (const char* name : {"dpp_memory_budget", "microbatch_group_size_per_vp_stage"}) {
    const auto value = values.maybe_integer(name);
    if (!value || *value >= 1) continue;
    problems.push_back(
        {fmt::format("{} is out of range (got {}, expected at least 1)", flag_of(name), *value),
         flag_of(name)});
  }
  const double minutes = values.real("distributed_timeout_minutes");
  if (!(std::isfinite(minutes) && minutes > 0 && minutes <= 1e6)) {
    problems.push_back({fmt::format("--distributed-timeout-minutes is out of range (got {}, "
                                    "expected more than 0, at most 1000000)",
                                    minutes),
                        "--distributed-timeout-minutes 10"});
  }
  try {
    (void)comm::parse_faults(values.text("inject"));
  } catch (const Error& error) {
    problems.push_back({error.what(), error.hint().empty() ? "--inject" : error.hint()});
  }
}

}  // namespace

std::vector<OptionProblem> check_pipeline(const OptionValues& values) {
  std::vector<OptionProblem> problems;
  check_order(values, problems);
  check_ranges(values, problems);
  return problems;
}

std::vector<std::string> pipeline_warnings(const OptionValues& values) {
  std::vector<std::string> warnings;
  if (values.integer("pipeline_model_parallel_size") > 1) return warnings;
  for (const char* name : kPipelineOptions) {
    if (!values.given(name)) continue;
    warnings.push_back(
        fmt::format("{} has no effect: the pipeline has one rank (--pipeline-model-parallel-size)",
                    flag_of(name)));
  }
  return warnings;
}

}  // namespace weft::train
