#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace weft::optim {

/// How the loss is scaled so that small fp16 gradients do not vanish. Field names are Megatron's
/// flags.
struct LossScaleConfig {
  bool dynamic = false;           ///< fp16 without --loss-scale
  double constant = 1.0;          ///< --loss-scale, used unless dynamic
  double initial = 4294967296.0;  ///< --initial-loss-scale
  double minimum = 1.0;           ///< --min-loss-scale
  int64_t window = 1000;          ///< --loss-scale-window, clean steps before the scale doubles
  int64_t hysteresis = 2;         ///< --hysteresis, overflows before the scale is halved

  /// Every rule that this breaks, naming the flag.
  std::vector<std::string> validate() const;
};

/// What a loss scaler carries from step to step.
struct LossScalerState {
  double scale = 1.0;
  int64_t growth_tracker = 0;
  int64_t hysteresis_tracker = 0;

  friend bool operator==(const LossScalerState&, const LossScalerState&) = default;
};

/// The factor of the loss: constant, or dynamic as Megatron's (reference/megatron.md 6.2): an
/// overflow takes one from the hysteresis and, once that is used up, halves the scale; a window of
/// clean steps doubles it and restores the hysteresis.
class LossScaler {
 public:
  LossScaler() : LossScaler(LossScaleConfig{}) {}
  explicit LossScaler(const LossScaleConfig& config);

  double scale() const { return state_.scale; }
  bool is_dynamic() const { return config_.dynamic; }
  /// Takes in whether the gradients of a step overflowed.
  void update(bool found_overflow);

  const LossScalerState& state() const { return state_; }
  /// Continues a saved run; a constant scale stays what it is.
  void restore(const LossScalerState& state);

 private:
  LossScaleConfig config_;
  LossScalerState state_;
};

}  // namespace weft::optim
