#include "weft/optim/schedule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <cmath>
#include <numbers>
#include <string_view>
#include <utility>

namespace weft::optim {

namespace {

constexpr double kPi = std::numbers::pi;

bool is_one_of(std::string_view style, std::initializer_list<std::string_view> styles) {
  return std::find(styles.begin(), styles.end(), style) != styles.end();
}

/// What is left of the decay, 1 to 0, at `ratio` (0 to 1) of a cosine or linear decay.
double remaining(std::string_view style, double ratio) {
  return style == "cosine" ? 0.5 * (std::cos(kPi * ratio) + 1.0) : 1.0 - ratio;
}

/// Share of (max - min) that the WSD style keeps: all of it until its last part begins.
double wsd_coefficient(const ScheduleConfig& config, double samples) {
  const double anneal_start = config.lr_decay_samples - config.lr_wsd_decay_samples;
  if (samples <= anneal_start) return 1.0;
  const double ratio = (samples - anneal_start) / config.lr_wsd_decay_samples;
  if (config.lr_wsd_decay_style == "exponential") return 2.0 * std::pow(0.5, ratio) - 1.0;
  return remaining(config.lr_wsd_decay_style, ratio);
}

void require_not_negative(std::vector<std::string>& errors, std::string_view flag, double value) {
  if (std::isfinite(value) && value >= 0.0) return;
  errors.push_back(fmt::format("{} is {}; expected a number of at least 0", flag, value));
}

void validate_learning_rate(const ScheduleConfig& config, std::vector<std::string>& errors) {
  require_not_negative(errors, "--lr", config.lr);
  require_not_negative(errors, "--min-lr", config.min_lr);
  require_not_negative(errors, "--lr-warmup-init", config.lr_warmup_init);
  require_not_negative(errors, "--lr-warmup-samples", config.lr_warmup_samples);
  if (config.min_lr > config.lr) {
    errors.push_back(
        fmt::format("--min-lr is {}; expected at most --lr {}", config.min_lr, config.lr));
  }
  if (config.decoupled_lr) {
    require_not_negative(errors, "--decoupled-lr", *config.decoupled_lr);
    const double floor = config.decoupled_min_lr.value_or(config.min_lr);
    require_not_negative(errors, "--decoupled-min-lr", floor);
    if (floor > *config.decoupled_lr) {
      errors.push_back(
          fmt::format("--decoupled-min-lr (by default --min-lr) is {}; expected at most "
                      "--decoupled-lr {}",
                      floor, *config.decoupled_lr));
    }
  } else if (config.decoupled_min_lr) {
    errors.emplace_back("--decoupled-min-lr needs --decoupled-lr");
  }
  if (config.lr_warmup_init > config.lr) {
    errors.push_back(fmt::format("--lr-warmup-init is {}; expected at most --lr {}",
                                 config.lr_warmup_init, config.lr));
  }
  if (!std::isfinite(config.lr_decay_samples) || config.lr_decay_samples <= 0.0) {
    errors.push_back(
        fmt::format("the learning rate decays over {} samples; expected more than 0 "
                    "(--lr-decay-iters or --lr-decay-samples, by default the whole training)",
                    config.lr_decay_samples));
  } else if (config.lr_warmup_samples >= config.lr_decay_samples) {
    errors.push_back(
        fmt::format("the learning rate warms up for {} samples and decays over {}; expected a "
                    "shorter warm-up (--lr-warmup-iters, --lr-warmup-samples or "
                    "--lr-warmup-fraction) or a longer --lr-decay-iters",
                    config.lr_warmup_samples, config.lr_decay_samples));
  }
  if (!is_one_of(config.lr_decay_style,
                 {"constant", "linear", "cosine", "inverse-square-root", "WSD"})) {
    errors.push_back(
        fmt::format("--lr-decay-style is {}; expected constant, linear, cosine, "
                    "inverse-square-root or WSD",
                    config.lr_decay_style));
  }
  if (config.lr_decay_style != "WSD") return;
  if (!std::isfinite(config.lr_wsd_decay_samples) || config.lr_wsd_decay_samples <= 0.0) {
    errors.push_back(
        fmt::format("--lr-decay-style WSD ends with a decay over {} samples; expected more than 0 "
                    "(--lr-wsd-decay-iters or --lr-wsd-decay-samples)",
                    config.lr_wsd_decay_samples));
  }
  if (!is_one_of(config.lr_wsd_decay_style, {"exponential", "linear", "cosine"})) {
    errors.push_back(
        fmt::format("--lr-wsd-decay-style is {}; expected exponential, linear or cosine",
                    config.lr_wsd_decay_style));
  }
}

void validate_weight_decay(const ScheduleConfig& config, std::vector<std::string>& errors) {
  require_not_negative(errors, "--start-weight-decay", config.start_weight_decay);
  require_not_negative(errors, "--end-weight-decay", config.end_weight_decay);
  const bool constant = config.weight_decay_incr_style == "constant";
  if (!constant && !is_one_of(config.weight_decay_incr_style, {"linear", "cosine"})) {
    errors.push_back(
        fmt::format("--weight-decay-incr-style is {}; expected constant, linear or cosine",
                    config.weight_decay_incr_style));
  }
  if (constant && config.start_weight_decay != config.end_weight_decay) {
    errors.push_back(
        fmt::format("--weight-decay-incr-style constant has --start-weight-decay {} and "
                    "--end-weight-decay {}; expected equal values (set --weight-decay alone)",
                    config.start_weight_decay, config.end_weight_decay));
  } else if (config.end_weight_decay < config.start_weight_decay) {
    errors.push_back(
        fmt::format("--end-weight-decay is {}; expected at least --start-weight-decay {}",
                    config.end_weight_decay, config.start_weight_decay));
  }
  if (!constant && !(config.weight_decay_incr_samples > 0.0)) {
    errors.push_back(
        fmt::format("--weight-decay-incr-style {} increases over {} samples; expected more than 0 "
                    "(--train-iters or --train-samples)",
                    config.weight_decay_incr_style, config.weight_decay_incr_samples));
  }
}

}  // namespace

std::vector<std::string> validate(const ScheduleConfig& config) {
  std::vector<std::string> errors;
  validate_learning_rate(config, errors);
  validate_weight_decay(config, errors);
  return errors;
}

// The order of operations is Megatron's, so that the printed rates agree to the last digit.
double learning_rate(const ScheduleConfig& config, int64_t consumed_samples) {
  const double samples = static_cast<double>(consumed_samples);
  const double warmup = config.lr_warmup_samples;
  if (warmup > 0.0 && samples <= warmup) {
    return config.lr_warmup_init + (config.lr - config.lr_warmup_init) * samples / warmup;
  }
  if (config.lr_decay_style == "constant") return config.lr;
  if (samples > config.lr_decay_samples) return config.min_lr;
  if (config.lr_decay_style == "inverse-square-root") {
    const double rate =
        config.lr * std::sqrt(std::max(warmup, 1.0)) / std::sqrt(std::max(samples, 1.0));
    return std::max(config.min_lr, rate);
  }
  const double ratio = (samples - warmup) / (config.lr_decay_samples - warmup);
  const double coefficient = config.lr_decay_style == "WSD"
                                 ? wsd_coefficient(config, samples)
                                 : remaining(config.lr_decay_style, ratio);
  return config.min_lr + coefficient * (config.lr - config.min_lr);
}

std::optional<double> decoupled_learning_rate(const ScheduleConfig& config,
                                              int64_t consumed_samples) {
  if (!config.decoupled_lr) return std::nullopt;
  ScheduleConfig own = config;
  own.lr = *config.decoupled_lr;
  own.min_lr = config.decoupled_min_lr.value_or(config.min_lr);
  return learning_rate(own, consumed_samples);
}

double weight_decay(const ScheduleConfig& config, int64_t consumed_samples) {
  const double samples = static_cast<double>(consumed_samples);
  if (config.weight_decay_incr_style == "constant") return config.end_weight_decay;
  if (samples > config.weight_decay_incr_samples) return config.end_weight_decay;
  const double ratio = samples / config.weight_decay_incr_samples;
  const double coefficient =
      config.weight_decay_incr_style == "cosine" ? remaining("cosine", 1.0 - ratio) : ratio;
  return config.start_weight_decay +
         coefficient * (config.end_weight_decay - config.start_weight_decay);
}

int64_t train_iters_from_samples(int64_t train_samples, int64_t global_batch_size) {
  assert(train_samples >= 0 && global_batch_size > 0);
  return train_samples / global_batch_size;
}

}  // namespace weft::optim
