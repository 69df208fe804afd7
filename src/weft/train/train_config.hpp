#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/data/data_config.hpp"
#include "weft/data/sampler.hpp"
#include "weft/model/model_config.hpp"
#include "weft/optim/optimizer_config.hpp"
#include "weft/tokenizer/tokenizer.hpp"
#include "weft/train/batch_schedule.hpp"
#include "weft/train/console_lines.hpp"
#include "weft/train/pipeline_config.hpp"
#include "weft/train/schedule_record.hpp"
#include "weft/train/tensorboard_log.hpp"

namespace weft::train {

/// Everything a training run is made of, after all flags are resolved and validated. The
/// vocabulary size of `model` is filled in once the tokenizer is loaded.
struct TrainConfig {
  model::ModelConfig model;
  data::DataConfig data;
  tokenizer::TokenizerConfig tokenizer;
  optim::OptimizerConfig optimizer;
  optim::ScheduleConfig schedule;
  PipelineConfig pipeline;

  int64_t sequence_length = 0;              ///< --seq-length
  int64_t micro_batch_size = 0;             ///< --micro-batch-size
  int64_t global_batch_size = 0;            ///< --global-batch-size
  std::optional<BatchRamp> batch_ramp;      ///< --rampup-batch-size
  int64_t train_iters = 0;                  ///< --train-iters, or derived from --train-samples
  std::optional<int64_t> train_samples;     ///< --train-samples
  std::vector<int64_t> iterations_to_skip;  ///< --iterations-to-skip, from 0
  int64_t make_vocab_size_divisible_by = 128;
  std::string dataloader_type = "single";  ///< --dataloader-type
  bool data_sharding = true;
  bool per_token_loss = false;  ///< --calculate-per-token-loss
  uint64_t seed = 1234;         ///< --seed
  bool draw_weights = true;     ///< off with --no-initialization: a checkpoint must have them
  int threads_per_rank = 0;     ///< --threads-per-rank; 0: all cores
  std::string device = "auto";  ///< --device, as choose_device takes it

  int64_t log_interval = 100;                         ///< --log-interval, iterations
  int64_t eval_interval = 1000;                       ///< --eval-interval, iterations
  int64_t eval_iters = 100;                           ///< --eval-iters; 0: no evaluation
  bool skip_train = false;                            ///< --skip-train
  int64_t timing_log_level = 0;                       ///< --timing-log-level
  TimingOption timing_option = TimingOption::minmax;  ///< --timing-log-option
  bool log_throughput = false;
  bool log_params_norm = false;
  bool check_for_nan = true;                    ///< off with --no-check-for-nan-in-loss-and-grad
  std::optional<int64_t> exit_interval;         ///< --exit-interval, iterations
  bool exit_signal_handler = false;             ///< --exit-signal-handler
  std::optional<double> exit_duration_minutes;  ///< --exit-duration-in-mins

  std::string save;                         ///< --save, directory
  std::string load;                         ///< --load, directory
  std::optional<int64_t> save_interval;     ///< --save-interval, iterations
  bool no_save_optim = false;               ///< --no-save-optim
  std::optional<int64_t> ckpt_step;         ///< --ckpt-step; absent: the latest
  std::string pretrained_checkpoint;        ///< --pretrained-checkpoint, directory
  bool finetune = false;                    ///< --finetune: weights only, from iteration 0
  bool no_load_optim = false;               ///< --no-load-optim
  bool exit_on_missing_checkpoint = false;  ///< --exit-on-missing-checkpoint
  ScheduleSource schedule_source = ScheduleSource::agreed;
  std::string metrics_file;  ///< --metrics-file
  TensorboardConfig tensorboard;
  bool log_progress = false;  ///< --log-progress
  std::string job_id;         ///< the batch system's, SLURM_JOB_ID; empty without one
  bool dry_run = false;       ///< --dry-run

  /// How many samples each iteration takes.
  BatchSchedule batch_schedule() const {
    return BatchSchedule(global_batch_size, samples_per_microbatch(), batch_ramp);
  }
  /// Samples of a microbatch of all replicas.
  int64_t samples_per_microbatch() const { return micro_batch_size * pipeline.num_replicas; }
};

}  // namespace weft::train
