#include "weft/train/load_run.hpp"

#include <fmt/format.h>

#include <optional>

#include "weft/base/error.hpp"
#include "weft/checkpoint/checkpoint.hpp"
#include "weft/train/console_lines.hpp"

namespace weft::train {

namespace {

/// Where the weights come from, and how much besides them.
struct Source {
  std::string directory;
  bool weights_only = false;
};

Source source_of(const TrainConfig& config, Logger& logger) {
  const bool found = !config.load.empty() && checkpoint::latest_iteration(config.load).has_value();
  if (found || config.pretrained_checkpoint.empty()) return {config.load, config.finetune};
  logger.result(fmt::format(
      "Checkpoint file not found in load directory {} attempting to finetune with checkpoint in {}",
      config.load.empty() ? "None" : config.load, config.pretrained_checkpoint));
  if (!checkpoint::latest_iteration(config.pretrained_checkpoint)) {
    fail_with_hint(ErrorKind::checkpoint, "--pretrained-checkpoint DIR with a checkpoint in it",
                   "No checkpoint found in load directory or pretrained directory (got {})",
                   config.pretrained_checkpoint);
  }
  return {config.pretrained_checkpoint, true};
}

// What the run keeps of the checkpoint's counters.
checkpoint::TrainState resumed_state(checkpoint::TrainState state, const Source& source,
                                     bool with_optimizer) {
  if (source.weights_only) return {};
  // As in Megatron the schedules belong to the optimizer: without it they start again.
  if (!with_optimizer) state.schedule_samples = 0;
  return state;
}

}  // namespace

bool load_run(const TrainConfig& config, const ModelRecord& record, Trainer& trainer,
              Logger& logger) {
  if (config.load.empty() && config.pretrained_checkpoint.empty()) return true;
  const Source source = source_of(config, logger);
  // The step is one of --load's, not of the pretrained model's.
  const auto step = source.directory == config.load ? config.ckpt_step : std::nullopt;
  const auto state = checkpoint::load_state(source.directory, step);
  if (!state) {
    for (const std::string& line : missing_checkpoint_lines(source.directory)) logger.result(line);
    if (!config.exit_on_missing_checkpoint) {
      if (config.draw_weights) return true;
      fail_with_hint(ErrorKind::checkpoint,
                     "--load DIR with a checkpoint, or no --no-initialization",
                     "there are no weights to start from: --no-initialization draws none and {} "
                     "has no checkpoint",
                     source.directory);
    }
    logger.result(">> '--exit-on-missing-checkpoint' set ... exiting. <<");
    return false;
  }
  check_same_model(record_from_json(state->model), record);
  logger.result(fmt::format(" loading checkpoint from {} at iteration {}", source.directory,
                            state->iteration));
  const bool with_optimizer = !source.weights_only && !config.no_load_optim;
  if (with_optimizer) {
    std::vector<std::string> lines;
    trainer.set_schedule(
        resumed_schedule(config.schedule, state->schedule, config.schedule_source, lines));
    for (const std::string& line : lines) logger.result(line);
  }
  trainer.state() =
      resumed_state(*checkpoint::load_model(source.directory, trainer.parameters(),
                                            with_optimizer ? &trainer.optimizer() : nullptr, step,
                                            trainer.model_ranks()),
                    source, with_optimizer);
  logger.result(
      fmt::format("  successfully loaded checkpoint from {} [ t 1/1, p 1/{} ] at iteration {}",
                  source.directory, config.pipeline.num_ranks(), trainer.state().iteration));
  return true;
}

}  // namespace weft::train
