#include "weft/optim/loss_scaler.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace weft::optim {

std::vector<std::string> LossScaleConfig::validate() const {
  std::vector<std::string> errors;
  // Written so that NaN breaks every rule.
  if (!dynamic && !(constant > 0.0)) {
    errors.push_back(fmt::format("--loss-scale is {}; expected a number above 0", constant));
  }
  if (!(minimum > 0.0)) {
    errors.push_back(fmt::format("--min-loss-scale is {}; expected a number above 0", minimum));
  }
  if (!(minimum <= initial)) {
    errors.push_back(fmt::format("--min-loss-scale is {}; expected at most --initial-loss-scale {}",
                                 minimum, initial));
  }
  if (window < 1) {
    errors.push_back(fmt::format("--loss-scale-window is {}; expected at least 1", window));
  }
  if (hysteresis < 1) {
    errors.push_back(fmt::format("--hysteresis is {}; expected at least 1", hysteresis));
  }
  return errors;
}

LossScaler::LossScaler(const LossScaleConfig& config)
    : config_(config),
      state_{.scale = config.dynamic ? config.initial : config.constant,
             .growth_tracker = 0,
             .hysteresis_tracker = config.hysteresis} {}

void LossScaler::update(bool found_overflow) {
  if (!config_.dynamic) return;
  if (found_overflow) {
    state_.growth_tracker = 0;
    --state_.hysteresis_tracker;
    if (state_.hysteresis_tracker <= 0) {
      state_.scale = std::max(0.5 * state_.scale, config_.minimum);
    }
    return;
  }
  if (++state_.growth_tracker < config_.window) return;
  state_.growth_tracker = 0;
  state_.hysteresis_tracker = config_.hysteresis;
  state_.scale *= 2.0;
}

void LossScaler::restore(const LossScalerState& state) {
  if (config_.dynamic) state_ = state;
}

}  // namespace weft::optim
