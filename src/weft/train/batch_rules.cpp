#include "weft/train/batch_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "weft/train/saturating_product.hpp"

namespace weft::train {

namespace {

constexpr const char* kFlag = "--rampup-batch-size";

std::optional<BatchRamp> read_ramp(const std::vector<std::string>& words) {
  if (words.size() != 3) return std::nullopt;
  const auto start = parse_integer(words[0]);
  const auto increment = parse_integer(words[1]);
  const auto samples = parse_integer(words[2]);
  if (!start || !increment || !samples) return std::nullopt;
  return BatchRamp{*start, *increment, *samples};
}

std::string joined(const std::vector<std::string>& words) {
  if (words.empty()) return "nothing";
  std::string text = words.front();
  for (size_t i = 1; i < words.size(); ++i) text += " " + words[i];
  return text;
}

/// Collects the broken rules of one run.
class BatchRules {
 public:
  explicit BatchRules(const OptionValues& values)
      : micro_(values.integer("micro_batch_size")),
        global_(values.integer("global_batch_size")),
        replicas_(std::max<int64_t>(1, values.integer("data_parallel_size"))),
        unit_(saturating_product(micro_, replicas_)),
        rounds_down_(values.flag("decrease_batch_size_if_needed")) {}

  std::vector<OptionProblem> problems;

  void check_global() {
    if (rounds_down_) {
      require(global_ >= unit_,
              fmt::format("number of microbatches should be at least 1, got 0 "
                          "(global batch size {}, micro batch size {}, data parallel size {})",
                          global_, micro_, replicas_),
              "a larger --global-batch-size");
      return;
    }
    require(global_ % unit_ == 0,
            fmt::format("global batch size ({}) is not divisible by micro batch size ({}) times "
                        "data parallel size ({})",
                        global_, micro_, replicas_),
            "another --global-batch-size, or --decrease-batch-size-if-needed");
  }

  void check_ramp(const BatchRamp& ramp) {
    const bool positive = ramp.start >= 1 && ramp.increment >= 1;
    require(ramp.start >= 1,
            fmt::format("start batch size should be positive, got {}.", ramp.start), kFlag);
    require(ramp.increment >= 1,
            fmt::format("batch size increment should be positive, got {}.", ramp.increment), kFlag);
    require(ramp.samples >= 0 && ramp.samples <= kLongestTraining,
            fmt::format("ramp-up samples should be non-negative, got {}. (expected at most {})",
                        ramp.samples, kLongestTraining),
            kFlag);
    if (!positive) return;
    require(ramp.start <= global_,
            fmt::format("expected global batch size to be greater than or equal to start batch "
                        "size, got {} and {}",
                        global_, ramp.start),
            kFlag);
    if (ramp.start > global_) return;
    require((global_ - ramp.start) % ramp.increment == 0,
            fmt::format("expected global batch size interval ({}) to be divisible by global batch "
                        "size increment ({})",
                        global_ - ramp.start, ramp.increment),
            kFlag);
    check_microbatches(ramp);
  }

 private:
  void require(bool holds, std::string message, std::string hint) {
    if (!holds) problems.push_back({std::move(message), std::move(hint)});
  }

  // The first batch that is no whole number of microbatches is among the first two, or none is.
  void check_microbatches(const BatchRamp& ramp) {
    if (rounds_down_) {
      require(ramp.start >= unit_,
              fmt::format("number of microbatches should be at least 1, got 0 (start batch size "
                          "{}, micro batch size {}, data parallel size {})",
                          ramp.start, micro_, replicas_),
              kFlag);
      return;
    }
    const int64_t second = ramp.start < global_ ? ramp.start + ramp.increment : ramp.start;
    for (const int64_t batch : {ramp.start, second}) {
      if (batch % unit_ == 0) continue;
      require(false,
              fmt::format("current global batch size ({}) is not divisible by micro-batch-size "
                          "({}) times data parallel size ({})",
                          batch, micro_, replicas_),
              "another --rampup-batch-size, or --decrease-batch-size-if-needed");
      return;
    }
  }

  int64_t micro_;
  int64_t global_;
  int64_t replicas_;
  int64_t unit_;  ///< samples of a microbatch of all replicas
  bool rounds_down_;
};

}  // namespace

std::optional<BatchRamp> batch_ramp(const OptionValues& values) {
  return read_ramp(values.words("rampup_batch_size"));
}

std::vector<OptionProblem> check_batches(const OptionValues& values) {
  BatchRules rules(values);
  rules.check_global();
  if (values.is_none("rampup_batch_size")) return rules.problems;
  if (const auto ramp = batch_ramp(values)) {
    rules.check_ramp(*ramp);
  } else {
    rules.problems.push_back(
        {fmt::format("expected the following format: --rampup-batch-size <start batch size> <batch "
                     "size increment> <ramp-up samples> (got {}, expected three whole numbers)",
                     joined(values.words("rampup_batch_size"))),
         "--rampup-batch-size 16 16 100000"});
  }
  return rules.problems;
}

}  // namespace weft::train
