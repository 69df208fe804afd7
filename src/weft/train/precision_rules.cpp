#include "weft/train/precision_rules.hpp"

#include <fmt/format.h>

#include <cmath>

namespace weft::train {

namespace {

using Problems = std::vector<OptionProblem>;

}  // namespace

std::vector<OptionProblem> check_precision(const OptionValues& values) {
  Problems problems;
  if (values.flag("fp16") && values.flag("bf16")) {
    problems.push_back(
        {"--fp16 and --bf16 contradict each other (got both, expected one)", "one of them"});
  }
  if (values.flag("fp32_residual_connection") && !values.flag("fp16") && !values.flag("bf16")) {
    problems.push_back(
        {"residual connection in fp32 only supported when using fp16 or bf16. (got "
         "--fp32-residual-connection in an fp32 run)",
         "--bf16"});
  }
  const double fixed = values.maybe_real("loss_scale").value_or(0.0);
  if (!(std::isfinite(fixed) && fixed >= 0.0)) {
    problems.push_back({fmt::format("--loss-scale is out of range (got {}, expected at least 0)",
                                    print_python(fixed)),
                        "--loss-scale"});
  }
  if (!values.flag("fp16") || fixed != 0.0) return problems;
  const double initial = values.real("initial_loss_scale");
  const double minimum = values.real("min_loss_scale");
  if (!(minimum > 0.0 && std::isfinite(initial) && minimum <= initial)) {
    problems.push_back({fmt::format("--min-loss-scale and --initial-loss-scale are out of range "
                                    "(got {} and {}, expected 0 < minimum <= initial)",
                                    print_python(minimum), print_python(initial)),
                        "--min-loss-scale or --initial-loss-scale"});
  }
  const double window = values.real("loss_scale_window");
  if (!(window >= 1.0 && window < 1e15 && std::floor(window) == window)) {
    problems.push_back({fmt::format("--loss-scale-window is out of range (got {}, expected a whole "
                                    "number of at least 1)",
                                    print_python(window)),
                        "--loss-scale-window"});
  }
  if (values.integer("hysteresis") < 1) {
    problems.push_back({fmt::format("--hysteresis is out of range (got {}, expected at least 1)",
                                    values.integer("hysteresis")),
                        "--hysteresis"});
  }
  return problems;
}

std::vector<OptionProblem> check_recompute(const OptionValues& values) {
  Problems problems;
  const std::string granularity = values.text("recompute_granularity");
  const auto num_layers = values.maybe_integer("recompute_num_layers");
  const bool has_method = !values.is_none("recompute_method");
  if (granularity == "full") {
    if (!has_method) {
      problems.push_back(
          {"Using recompute_granularity: full so recompute_method must be \"block\" "
           "or \"uniform\" (got None)",
           "--recompute-method uniform --recompute-num-layers 1"});
    }
    const int64_t layers = values.maybe_integer("num_layers").value_or(0);
    if (!num_layers || *num_layers < 1 || *num_layers > layers) {
      problems.push_back(
          {fmt::format("When using recompute_granularity: full recompute_num_layers must be "
                       "between 1 and num_layers_per_pipeline_rank: {} (got {})",
                       layers, num_layers ? fmt::format("{}", *num_layers) : "None"),
           "--recompute-num-layers"});
    }
    return problems;
  }
  if (has_method) {
    problems.push_back(
        {granularity == "selective"
             ? "recompute method is not yet supported for selective recomputing granularity"
             : "--recompute-method does nothing without --recompute-granularity full",
         "--recompute-granularity full"});
  }
  if (num_layers) {
    problems.push_back({"--recompute-num-layers does nothing without --recompute-granularity full",
                        "--recompute-granularity full"});
  }
  for (const std::string& module : values.words("recompute_modules")) {
    if (module == "core_attn") continue;
    problems.push_back({fmt::format("weft recomputes no module of this name (got "
                                    "--recompute-modules {}, expected core_attn)",
                                    module),
                        "--recompute-modules core_attn, or --recompute-granularity full"});
  }
  return problems;
}

}  // namespace weft::train
