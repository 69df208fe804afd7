#include "weft/train/step_benchmark.hpp"

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "weft/base/logger.hpp"
#include "weft/comm/rank_context.hpp"
#include "weft/data/build_datasets.hpp"
#include "weft/device/kernel_clock.hpp"
#include "weft/device/process_memory.hpp"
#include "weft/kernels/gemm_rate.hpp"
#include "weft/tokenizer/tokenizer.hpp"
#include "weft/train/theoretical_inputs.hpp"
#include "weft/train/trainer.hpp"

namespace weft::train {

namespace {

double median(std::vector<double> values) {
  if (values.empty()) return 0.0;
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

template <typename Value>
double median_of(const std::vector<MeasuredStep>& steps, const Value& value) {
  std::vector<double> values;
  for (const MeasuredStep& step : steps) values.push_back(value(step));
  return median(std::move(values));
}

/// Dense rates of NVIDIA's datasheets: of tensor cores for 16-bit types, of the plain units for
/// f32.
double datasheet_gflops(const GpuFacts& gpu, DType dtype) {
  struct Rate {
    std::string_view name;
    double half;
    double single;
  };
  constexpr std::array<Rate, 4> kRates = {{{"H100 PCIe", 756e3, 51e3},
                                           {"H100", 989e3, 67e3},
                                           {"H200", 989e3, 67e3},
                                           {"A100", 312e3, 19.5e3}}};
  const std::string_view name = gpu.name.data();
  for (const Rate& rate : kRates) {
    if (name.find(rate.name) == std::string_view::npos) continue;
    return dtype == DType::f32 ? rate.single : rate.half;
  }
  return 0.0;
}

}  // namespace

double StepBenchmark::median_seconds() const {
  return median_of(steps, [](const MeasuredStep& step) { return step.seconds; });
}

double StepBenchmark::fraction() const {
  return median_of(steps, [this](const MeasuredStep& step) {
    return flops_per_step * 1e-9 / step.seconds / step.gemm_gflops;
  });
}

double StepBenchmark::median_gemm_gflops() const {
  return median_of(steps, [](const MeasuredStep& step) { return step.gemm_gflops; });
}

StepBenchmark benchmark_steps(const TrainConfig& config, const StepBenchmarkOptions& options,
                              const ComputeDevice& device) {
  RecordingLogger silent;
  const auto tokenizer = tokenizer::make_tokenizer(config.tokenizer);
  const int64_t samples = (options.steps + options.warmup_steps) * config.global_batch_size;
  const data::Datasets datasets = data::build_datasets(
      config.data, {.train = samples, .valid = 0, .test = 0}, *tokenizer, config.tokenizer, silent);
  Stream probe_stream = device.make_stream();
  kernels::GemmRate rate(probe_stream, config.model.dtype, device.memory());
  rate.measure(options.probe_seconds);

  StepBenchmark result;
  if (device.is_gpu()) result.datasheet_gflops = datasheet_gflops(device.gpu(), config.model.dtype);
  const auto bytes_in_use = [&] {
    return device.is_gpu() ? -device.free_bytes() : process_memory().resident;
  };
  const int64_t resident_before = bytes_in_use();
  Trainer trainer(config, datasets, comm::RankContext{.logger = silent}, device);
  result.planned_bytes = static_cast<int64_t>(trainer.planned_bytes());
  result.flops_per_step = flops_per_iteration(theoretical_model(config), config.sequence_length,
                                              config.global_batch_size);
  result.tokens_per_step = config.global_batch_size * config.sequence_length;
  for (int64_t i = 0; i < options.warmup_steps; ++i) {
    const double loss = trainer.train_iteration().loss.mean();
    if (i == 0) result.first_loss = loss;
  }
  KernelClock clock;
  double rate_before = rate.measure(options.probe_seconds);
  for (int64_t i = 0; i < options.steps; ++i) {
    if (options.kernels) trainer.stream().set_clock(&clock);
    const IterationResult step = trainer.train_iteration();
    trainer.stream().set_clock(nullptr);
    const double rate_after = rate.measure(options.probe_seconds);
    result.steps.push_back({step.seconds, 0.5 * (rate_before + rate_after)});
    rate_before = rate_after;
    result.last_loss = step.loss.mean();
    result.resident_bytes = std::max(result.resident_bytes, bytes_in_use() - resident_before);
  }
  for (const KernelClock::Entry& entry : clock.entries()) {
    result.kernels.push_back({std::string(entry.name), entry.seconds, entry.calls});
  }
  return result;
}

}  // namespace weft::train
