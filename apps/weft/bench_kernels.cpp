#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/weft/bench_words.hpp"
#include "apps/weft/commands.hpp"
#include "apps/weft/json_text.hpp"
#include "weft/device/instruction_set.hpp"
#include "weft/kernels/context.hpp"
#include "weft/train/kernel_benchmark.hpp"

namespace weft::app {

namespace {

constexpr const char* kHelp =
    "Usage: weft bench kernels [FLAGS of weft pretrain] [--json]\n"
    "\n"
    "Every kernel of a training step but the matrix products, at the sizes of a model's layer: "
    "row\n"
    "and element kernels beside memcpy, attention beside plain matrix products. Defaults: --model\n"
    "gpt2-124m --seq-length 1024 --micro-batch-size 4, fp32.\n"
    "\n"
    "Example:\n  weft bench kernels --model llama-160m --bf16";

nlohmann::ordered_json to_json(const train::KernelRate& rate) {
  nlohmann::ordered_json object = {{"name", rate.name}, {"seconds", rate.seconds}};
  const bool counts_operations = rate.gflops > 0.0;
  object[counts_operations ? "gflops" : "gb_s"] = counts_operations ? rate.gflops : rate.gb_per_s;
  object[counts_operations ? "gemm_gflops" : "memcpy_gb_s"] = rate.limit;
  object["share"] = rate.share();
  return object;
}

std::string line(const train::KernelRate& rate) {
  const bool counts_operations = rate.gflops > 0.0;
  return fmt::format("{:<28} {:>9.3f} ms {:>8.1f} {:<7} {:>8.1f} {:<9} {:>5.2f}", rate.name,
                     rate.seconds * 1e3, counts_operations ? rate.gflops : rate.gb_per_s,
                     counts_operations ? "GFLOP/s" : "GB/s", rate.limit,
                     counts_operations ? "products" : "memcpy", rate.share());
}

int run(Program& program, Logger& logger) {
  const BenchWords words = read_bench_words(program.option_words);
  if (words.help) {
    logger.result(kHelp);
    return 0;
  }
  program.json = words.json;
  const std::vector<train::KernelRate> rates = train::benchmark_kernels(
      words.config.model,
      {.sequence = words.config.sequence_length, .samples = words.config.micro_batch_size},
      words.device);
  if (words.json) {
    nlohmann::ordered_json object;
    for (const train::KernelRate& rate : rates) object["kernels"].push_back(to_json(rate));
    logger.result(json_text(object));
    return 0;
  }
  logger.result(fmt::format("{}, {}", words.device_text(), name(words.config.model.dtype)));
  logger.result(
      "kernel                          one call         rate            limit      share");
  for (const train::KernelRate& rate : rates) logger.result(line(rate));
  return 0;
}

}  // namespace

void add_bench_kernels(Command bench, Program& program) {
  const Command command = bench.add_subcommand(
      "kernels", "measures the other kernels of a step beside memcpy (weft bench kernels --help)");
  command.callback(
      [&program] { program.run = [&program](Logger& logger) { return run(program, logger); }; });
}

}  // namespace weft::app
