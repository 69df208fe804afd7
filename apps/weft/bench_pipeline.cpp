#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/weft/bench_words.hpp"
#include "apps/weft/commands.hpp"
#include "weft/base/error.hpp"
#include "weft/train/pipeline_benchmark.hpp"

namespace weft::app {

namespace {

constexpr const char* kHelp =
    "Usage: weft bench pipeline [FLAGS of weft pretrain] [--schedules LIST] [--steps N] [--json]\n"
    "\n"
    "Trains on mock data by each schedule in turn, on ranks that are threads, and on one rank with "
    "as\n"
    "many threads. Prints how long a step takes, how much of it ranks idle, how far it is above "
    "the\n"
    "lower bound for its measured durations, and how much of it no dependency accounts for.\n"
    "Defaults: --pipeline-model-parallel-size 2, 8 layers of width 512, sequence 256, microbatch "
    "2,\n"
    "global batch 16, no dropout, fp32.\n"
    "\n"
    "  --schedules LIST  names, separated by commas; dynamic may have an order of --dpp-order "
    "after\n"
    "                    a colon [1f1b,zb-h1,dynamic; with virtual chunks\n"
    "                    interleaved,interleaved-zb1p,dynamic]\n"
    "  --steps N         measured steps of each, after two that are not [5]\n"
    "\n"
    "Example:\n  weft bench pipeline --schedules 1f1b,zb-v,dynamic,dynamic:megatron-dpp\n"
    "  weft bench pipeline --inject jitter:op=link,ms=20 --global-batch-size 32";

void print_text(const std::vector<train::PipelineMeasurement>& results, const BenchWords& words,
                Logger& logger) {
  const train::TrainConfig& config = words.config;
  logger.result(
      fmt::format("{}; {:.1f} M parameters in {}, sequence {}, {} microbatches of {}",
                  processor_text(), static_cast<double>(config.model.num_parameters()) * 1e-6,
                  name(config.model.dtype), config.sequence_length,
                  config.global_batch_size / config.micro_batch_size, config.micro_batch_size));
  const auto tokens = static_cast<double>(config.global_batch_size * config.sequence_length);
  const double alone = tokens / results.front().median_s();
  logger.result(
      "schedule                step ms  tokens/s  of one rank  bubble  over bound  unexplained  "
      "planned MB");
  for (const train::PipelineMeasurement& one : results) {
    const double rate = tokens / one.median_s();
    logger.result(fmt::format(
        "{:<22} {:>8.1f} {:>9.0f} {:>12.3f} {:>6.1f} % {:>9.2f} % {:>10.2f} % {:>11.1f}",
        one.schedule, one.median_s() * 1e3, rate, rate / alone, one.bubble * 1e2,
        one.bound_gap * 1e2, one.overhead * 1e2, static_cast<double>(one.peak_bytes) / 0x1p20));
  }
}

nlohmann::ordered_json to_json(const std::vector<train::PipelineMeasurement>& results) {
  nlohmann::ordered_json object;
  for (const train::PipelineMeasurement& one : results) {
    object["schedules"].push_back({{"schedule", one.schedule},
                                   {"step_s", one.step_s},
                                   {"tasks_s", one.tasks_s},
                                   {"bubble", one.bubble},
                                   {"bound_gap", one.bound_gap},
                                   {"overhead", one.overhead},
                                   {"peak_bytes", one.peak_bytes},
                                   {"last_loss", one.last_loss}});
  }
  return object;
}

int run(Program& program, Logger& logger) {
  const BenchWords words = read_pipeline_bench_words(program.option_words);
  if (words.help) {
    logger.result(kHelp);
    return 0;
  }
  program.json = words.json;
  program.quiet = words.quiet;
  const auto results = train::benchmark_pipelines(
      words.config, {.schedules = words.schedules, .steps = words.steps});
  if (words.json) {
    logger.result(to_json(results).dump());
  } else {
    print_text(results, words, logger);
  }
  return 0;
}

}  // namespace

void add_bench_pipeline(Command bench, Program& program) {
  const Command command = bench.add_subcommand(
      "pipeline", "compares schedules in training (weft bench pipeline --help)");
  command.callback(
      [&program] { program.run = [&program](Logger& logger) { return run(program, logger); }; });
}

}  // namespace weft::app
