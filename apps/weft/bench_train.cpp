#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/weft/bench_words.hpp"
#include "apps/weft/commands.hpp"
#include "apps/weft/json_text.hpp"
#include "weft/device/instruction_set.hpp"
#include "weft/kernels/context.hpp"
#include "weft/train/step_benchmark.hpp"

namespace weft::app {

namespace {

constexpr const char* kHelp =
    "Usage: weft bench train [FLAGS of weft pretrain] [--steps N] [--breakdown] [--json]\n"
    "\n"
    "Trains on mock data, optimizer included, and measures each step between two measurements of "
    "the\n"
    "machine's rate of matrix products. Defaults: --model gpt2-124m --seq-length 1024\n"
    "--micro-batch-size 4, one microbatch, no dropout, fp32.\n"
    "\n"
    "  --steps N      measured steps, after two that are not [5]\n"
    "  --breakdown    time of each kind of kernel\n"
    "\n"
    "Example:\n  weft bench train --model gpt2-124m --bf16 --breakdown";

double megabytes(int64_t bytes) { return static_cast<double>(bytes) / 0x1p20; }

void print_text(const train::StepBenchmark& result, const BenchWords& words, Logger& logger) {
  const train::TrainConfig& config = words.config;
  logger.result(words.device_text());
  logger.result(fmt::format(
      "{:.1f} M parameters in {}, sequence {}, microbatch {}, global batch {}: {} tokens and "
      "{:.3f} TFLOP a step",
      static_cast<double>(config.model.num_parameters()) * 1e-6, name(config.model.dtype),
      config.sequence_length, config.micro_batch_size, config.global_batch_size,
      result.tokens_per_step, result.flops_per_step * 1e-12));
  for (const train::MeasuredStep& step : result.steps) {
    const double gflops = result.flops_per_step * 1e-9 / step.seconds;
    logger.result(fmt::format("step {:.3f} s: {:.1f} GFLOP/s, matrix products {:.1f}: {:.3f}",
                              step.seconds, gflops, step.gemm_gflops, gflops / step.gemm_gflops));
  }
  logger.result(fmt::format(
      "median: {:.0f} tokens/s, {:.1f} GFLOP/s, {:.3f} of the rate of matrix "
      "products ({:.1f} GFLOP/s)",
      result.tokens_per_second(), result.gflops(), result.fraction(), result.median_gemm_gflops()));
  if (result.datasheet_gflops > 0.0) {
    logger.result(fmt::format("MFU {:.3f} of the datasheet's {:.0f} TFLOP/s",
                              result.gflops() / result.datasheet_gflops,
                              result.datasheet_gflops * 1e-3));
  }
  logger.result(fmt::format(
      "memory: planned {:.1f} MB, {} {:.1f} MB ({:.3f} of the plan)",
      megabytes(result.planned_bytes), words.device.is_gpu() ? "taken" : "resident",
      megabytes(result.resident_bytes),
      static_cast<double>(result.resident_bytes) / static_cast<double>(result.planned_bytes)));
  if (result.kernels.empty()) return;
  std::vector<train::KernelTime> kernels = result.kernels;
  std::ranges::sort(kernels, std::ranges::greater{}, &train::KernelTime::seconds);
  double total = 0.0;
  for (const train::MeasuredStep& step : result.steps) total += step.seconds;
  const auto steps = static_cast<double>(result.steps.size());
  logger.result("kernel                           ms a step   share   calls");
  double known = 0.0;
  for (const train::KernelTime& kernel : kernels) {
    known += kernel.seconds;
    logger.result(fmt::format("{:<30} {:>11.2f} {:>6.1f} % {:>7.0f}", kernel.name,
                              kernel.seconds * 1e3 / steps, kernel.seconds / total * 100.0,
                              static_cast<double>(kernel.calls) / steps));
  }
  logger.result(fmt::format("{:<30} {:>11.2f} {:>6.1f} %", "the rest",
                            (total - known) * 1e3 / steps, (total - known) / total * 100.0));
}

nlohmann::ordered_json to_json(const train::StepBenchmark& result) {
  nlohmann::ordered_json object = {{"tokens_per_s", result.tokens_per_second()},
                                   {"gflops", result.gflops()},
                                   {"gemm_gflops", result.median_gemm_gflops()},
                                   {"fraction", result.fraction()}};
  for (const train::MeasuredStep& step : result.steps) object["step_s"].push_back(step.seconds);
  if (result.datasheet_gflops > 0.0) object["mfu"] = result.gflops() / result.datasheet_gflops;
  object["peak_bytes"] = result.resident_bytes;
  object["planned_bytes"] = result.planned_bytes;
  object["first_loss"] = result.first_loss;
  object["last_loss"] = result.last_loss;
  for (const train::KernelTime& kernel : result.kernels) {
    object["kernels"].push_back(
        {{"name", kernel.name}, {"seconds", kernel.seconds}, {"calls", kernel.calls}});
  }
  return object;
}

int run(Program& program, Logger& logger) {
  const BenchWords words = read_bench_words(program.option_words);
  if (words.help) {
    logger.result(kHelp);
    return 0;
  }
  program.json = words.json;
  program.quiet = words.quiet;
  const train::StepBenchmark result = train::benchmark_steps(
      words.config, {.steps = words.steps, .kernels = words.breakdown}, words.device);
  if (words.json) {
    logger.result(to_json(result).dump());
  } else {
    print_text(result, words, logger);
  }
  return 0;
}

}  // namespace

void add_bench_train(Command bench, Program& program) {
  const Command command = bench.add_subcommand(
      "train",
      "measures training steps beside the rate of matrix products (weft bench train --help)");
  command.callback(
      [&program] { program.run = [&program](Logger& logger) { return run(program, logger); }; });
}

}  // namespace weft::app
