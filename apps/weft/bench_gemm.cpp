#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "apps/weft/bench_words.hpp"
#include "apps/weft/commands.hpp"
#include "weft/kernels/gemm.hpp"
#include "weft/kernels/gemm_rate.hpp"

namespace weft::app {

namespace {

using Clock = std::chrono::steady_clock;

constexpr const char* kHelp =
    "Usage: weft bench gemm [FLAGS of weft pretrain] [--json]\n"
    "\n"
    "The matrix products of a model's layers, forward and both gradients, beside the machine's "
    "rate\n"
    "of plain products. Defaults: --model gpt2-124m --seq-length 1024 --micro-batch-size 4, fp32.\n"
    "\n"
    "Example:\n  weft bench gemm --model llama-160m --bf16";

struct Layer {
  std::string name;
  int64_t tokens;
  int64_t in;
  int64_t out;
};

/// GFLOP/s of the products of one layer; packing is part of each.
struct LayerRates {
  Layer layer;
  double forward = 0.0;
  double input_gradient = 0.0;
  double weight_gradient = 0.0;
};

std::vector<Layer> layers_of(const train::TrainConfig& config) {
  const model::ModelConfig& model = config.model;
  const int64_t tokens = config.sequence_length * config.micro_batch_size;
  const int64_t chunk = std::min<int64_t>(tokens, 1024);  // the head works in chunks
  return {{"qkv", tokens, model.hidden_size, model.head_layout().qkv_width()},
          {"projection", tokens, model.attention_width(), model.hidden_size},
          {"fc1", tokens, model.hidden_size, model.fc1_width()},
          {"fc2", tokens, model.ffn_hidden_size, model.hidden_size},
          {"logits", chunk, model.hidden_size, model.vocab_size}};
}

/// Median rate over runs that fill about 0.3 s.
template <typename Run>
double rate_of(const Stream& stream, double flops, const Run& call) {
  const auto run = [&] {
    call();
    stream.synchronize();
  };
  std::vector<double> seconds;
  const Clock::time_point start = Clock::now();
  run();
  while (seconds.size() < 3 || Clock::now() - start < std::chrono::milliseconds(300)) {
    const Clock::time_point begin = Clock::now();
    run();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count());
  }
  std::ranges::nth_element(seconds, seconds.begin() + static_cast<ptrdiff_t>(seconds.size() / 2));
  return flops * 1e-9 / seconds[seconds.size() / 2];
}

LayerRates measure(Stream& stream, const ComputeDevice& device, const Layer& layer, DType dtype) {
  MemoryResource& memory = device.memory();
  const kernels::LinearPlan plan(stream, layer.tokens, layer.in, layer.out, false, dtype);
  Buffer workspace(plan.workspace_bytes(), memory);
  const kernels::Context context{stream, {workspace.data(), workspace.size_bytes()}};
  Tensor x = kernels::benchmark_operand({layer.tokens, layer.in}, dtype, stream, memory);
  Tensor w = kernels::benchmark_operand({layer.out, layer.in}, dtype, stream, memory);
  Tensor y = kernels::benchmark_operand({layer.tokens, layer.out}, dtype, stream, memory);
  Tensor dw({layer.out, layer.in}, DType::f32, memory);
  const double flops = 2.0 * static_cast<double>(layer.tokens) * static_cast<double>(layer.in) *
                       static_cast<double>(layer.out);
  return {.layer = layer,
          .forward = rate_of(stream, flops, [&] { plan.forward(context, x, w, {}, y); }),
          .input_gradient = rate_of(stream, flops, [&] { plan.backward_input(context, y, w, x); }),
          .weight_gradient =
              rate_of(stream, flops, [&] { plan.backward_weight(context, y, x, true, dw); })};
}

int run(Program& program, Logger& logger) {
  const BenchWords words = read_bench_words(program.option_words);
  if (words.help) {
    logger.result(kHelp);
    return 0;
  }
  program.json = words.json;
  Stream stream = words.device.make_stream();
  const DType dtype = words.config.model.dtype;
  kernels::GemmRate rate(stream, dtype, words.device.memory());
  rate.measure(0.1);
  nlohmann::ordered_json object;
  if (!words.json) {
    logger.result(fmt::format("{}, {}", words.device_text(), name(dtype)));
    logger.result(
        "layer          tokens x in x out        forward     input gradient   weight gradient   "
        "plain");
  }
  for (const Layer& layer : layers_of(words.config)) {
    const double before = rate.measure(0.1);
    const LayerRates rates = measure(stream, words.device, layer, dtype);
    const double plain = 0.5 * (before + rate.measure(0.1));
    if (words.json) {
      object["layers"].push_back({{"name", layer.name},
                                  {"tokens", layer.tokens},
                                  {"in", layer.in},
                                  {"out", layer.out},
                                  {"forward_gflops", rates.forward},
                                  {"input_gradient_gflops", rates.input_gradient},
                                  {"weight_gradient_gflops", rates.weight_gradient},
                                  {"gemm_gflops", plain}});
      continue;
    }
    const auto figure = [plain](double gflops) {
      return fmt::format("{:>6.1f} ({:.2f})", gflops, gflops / plain);
    };
    logger.result(fmt::format("{:<11} {:>22} {:>17} {:>18} {:>17} {:>7.1f}", layer.name,
                              fmt::format("{} x {} x {}", layer.tokens, layer.in, layer.out),
                              figure(rates.forward), figure(rates.input_gradient),
                              figure(rates.weight_gradient), plain));
  }
  if (words.json) {
    logger.result(object.dump());
  } else {
    logger.result("GFLOP/s, in brackets the share of plain products measured around each layer");
  }
  return 0;
}

}  // namespace

void add_bench_gemm(Command bench, Program& program) {
  const Command command = bench.add_subcommand(
      "gemm", "measures the matrix products of a model beside plain ones (weft bench gemm --help)");
  command.callback(
      [&program] { program.run = [&program](Logger& logger) { return run(program, logger); }; });
}

}  // namespace weft::app
