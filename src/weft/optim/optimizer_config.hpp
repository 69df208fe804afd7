#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weft/optim/loss_scaler.hpp"

namespace weft::optim {

/// The optimizer's constants. Field names are Megatron's flags.
struct OptimizerConfig {
  std::string optimizer = "adam";  ///< --optimizer: adam (AdamW) or sgd
  double adam_beta1 = 0.9;         ///< --adam-beta1
  double adam_beta2 = 0.999;       ///< --adam-beta2
  double adam_eps = 1e-8;          ///< --adam-eps
  double sgd_momentum = 0.9;       ///< --sgd-momentum
  double clip_grad = 1.0;          ///< --clip-grad; 0: off
  bool decoupled_weight_decay = true;
  LossScaleConfig loss_scale;  ///< --loss-scale and its kin
};

/// Learning rate and weight decay as functions of the consumed samples (reference/megatron.md 6.4).
struct ScheduleConfig {
  double lr = 0.0;                         ///< --lr, the maximum
  double min_lr = 0.0;                     ///< --min-lr
  std::optional<double> decoupled_lr;      ///< --decoupled-lr: maximum for embedding and output
  std::optional<double> decoupled_min_lr;  ///< --decoupled-min-lr; absent: min_lr
  double lr_warmup_init = 0.0;             ///< --lr-warmup-init
  double lr_warmup_samples =
      0.0;  ///< warm-up in samples (a fraction of the decay may be fractional)
  double lr_decay_samples = 0.0;          ///< decay in samples
  std::string lr_decay_style = "linear";  ///< constant, linear, cosine, inverse-square-root, WSD
  double lr_wsd_decay_samples = 0.0;      ///< last part of WSD, in samples
  std::string lr_wsd_decay_style = "exponential";  ///< exponential, linear, cosine
  double start_weight_decay = 0.01;                ///< --start-weight-decay
  double end_weight_decay = 0.01;                  ///< --end-weight-decay
  double weight_decay_incr_samples = 0.0;
  std::string weight_decay_incr_style = "constant";  ///< constant, linear, cosine
};

}  // namespace weft::optim
