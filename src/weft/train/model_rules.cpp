#include "weft/train/model_rules.hpp"

#include <fmt/format.h>

#include <cmath>

namespace weft::train {

namespace {

constexpr int64_t kLargestHead = 256;  // what the attention kernels take

using Problems = std::vector<OptionProblem>;

void check_heads(const OptionValues& values, Problems& problems) {
  const auto heads = values.maybe_integer("num_attention_heads");
  const auto channels = values.maybe_integer("kv_channels");
  if (channels && *channels > kLargestHead) {
    problems.push_back(
        {fmt::format("the heads are too wide: --kv-channels, or hidden size / "
                     "attention heads, is out of range (got {}, expected at most {})",
                     *channels, kLargestHead),
         "--kv-channels, or more --num-attention-heads"});
  }
  const int64_t groups = values.integer("num_query_groups");
  if (!values.flag("group_query_attention")) {
    const bool chosen = values.given("num_query_groups") &&
                        values.source("num_query_groups") != ValueSource::preset;
    if (chosen && groups != 1 && groups != heads) {
      problems.push_back({fmt::format("--num-query-groups does nothing without "
                                      "--group-query-attention (got {}, expected both flags)",
                                      groups),
                          "--group-query-attention"});
    }
    return;
  }
  if (groups < 1) {
    problems.push_back({fmt::format("--num-query-groups is out of range (got {}, expected at least "
                                    "1)",
                                    groups),
                        "--num-query-groups"});
  } else if (heads && *heads > 0 && *heads % groups != 0) {
    problems.push_back(
        {fmt::format("--num-query-groups does not divide the attention heads (got {} "
                     "groups of {} heads, expected a divisor)",
                     groups, *heads),
         "another --num-query-groups"});
  }
}

void check_positions(const OptionValues& values, Problems& problems) {
  const std::string type = values.text("position_embedding_type");
  if (type == "mrope" || type == "relative") {
    problems.push_back({fmt::format("weft does not take these positions (got "
                                    "--position-embedding-type {}, expected learned_absolute, rope "
                                    "or none)",
                                    type),
                        "--position-embedding-type rope"});
  }
  if (!values.flag("add_position_embedding") && type != "rope") {
    problems.push_back({"--no-position-embedding is deprecated, use --position-embedding-type",
                        "--position-embedding-type none"});
  }
}

void check_rotary(const OptionValues& values, Problems& problems) {
  if (values.text("position_embedding_type") != "rope") return;
  const double percent = values.real("rotary_percent");
  const auto channels = values.maybe_integer("kv_channels");
  if (!(percent > 0.0 && percent <= 1.0)) {
    problems.push_back(
        {fmt::format("--rotary-percent is out of range (got {}, expected more than 0 "
                     "and at most 1)",
                     print_python(percent)),
         "--rotary-percent"});
  } else if (channels && *channels > 0) {
    const auto turning = static_cast<int64_t>(static_cast<double>(*channels) * percent);
    if (turning < 2 || turning % 2 != 0) {
      problems.push_back(
          {fmt::format("--rotary-percent {} of heads of {} channels turns {} of them "
                       "(expected an even number)",
                       print_python(percent), *channels, turning),
           "--rotary-percent, or --kv-channels"});
    }
  }
  for (const auto& [option, flag] : {std::pair{"rotary_base", "--rotary-base"},
                                     std::pair{"rotary_seq_len_interpolation_factor",
                                               "--rotary-seq-len-interpolation-factor"}}) {
    const auto value = values.maybe_integer(option);
    if (!value || *value >= 1) continue;
    problems.push_back(
        {fmt::format("{} is out of range (got {}, expected at least 1)", flag, *value), flag});
  }
  const double factor = values.real("rope_scaling_factor");
  if (!(std::isfinite(factor) && factor > 0.0)) {
    problems.push_back({fmt::format("--rope-scaling-factor is out of range (got {}, expected more "
                                    "than 0)",
                                    print_python(factor)),
                        "--rope-scaling-factor"});
  }
}

void check_initialization(const OptionValues& values, Problems& problems) {
  if (values.flag("perform_initialization") || !values.text("load").empty() ||
      !values.text("pretrained_checkpoint").empty()) {
    return;
  }
  problems.push_back(
      {"--no-initialization leaves the model without weights (got neither --load nor "
       "--pretrained-checkpoint, expected a checkpoint)",
       "--load DIR"});
}

}  // namespace

std::vector<OptionProblem> check_model_kind(const OptionValues& values) {
  Problems problems;
  check_heads(values, problems);
  check_positions(values, problems);
  check_rotary(values, problems);
  check_initialization(values, problems);
  if (values.flag("swiglu") && values.flag("squared_relu")) {
    problems.push_back(
        {"--squared-relu and --swiglu contradict each other (got both, expected one)",
         "one of them"});
  }
  return problems;
}

}  // namespace weft::train
