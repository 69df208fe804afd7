#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/device/compute_device.hpp"
#include "weft/train/train_config.hpp"

namespace weft::train {

/// One measured training step.
struct MeasuredStep {
  double seconds = 0.0;
  double gemm_gflops = 0.0;  ///< the machine's rate of matrix products around the step
};

/// Time of one kind of kernel over all measured steps.
struct KernelTime {
  std::string name;
  double seconds = 0.0;
  int64_t calls = 0;
};

/// What a benchmark of training steps found.
struct StepBenchmark {
  std::vector<MeasuredStep> steps;
  double flops_per_step = 0.0;  ///< as reference/megatron.md 8.5 counts them
  int64_t tokens_per_step = 0;
  int64_t planned_bytes = 0;  ///< the run's one block of memory
  /// Largest growth of the process over that before the block; on a GPU of the memory in use.
  int64_t resident_bytes = 0;
  double datasheet_gflops = 0.0;  ///< what the GPU's maker promises for the type; 0: not known
  double first_loss = 0.0;
  double last_loss = 0.0;
  std::vector<KernelTime> kernels;  ///< of all steps; empty unless asked for

  double median_seconds() const;
  double gflops() const { return flops_per_step * 1e-9 / median_seconds(); }
  double tokens_per_second() const {
    return static_cast<double>(tokens_per_step) / median_seconds();
  }
  /// Median over steps of the step's rate relative to that of matrix products around it.
  double fraction() const;
  double median_gemm_gflops() const;
};

/// How much a benchmark of training steps measures.
struct StepBenchmarkOptions {
  int64_t steps = 5;
  int64_t warmup_steps = 2;     ///< run before, not measured
  double probe_seconds = 0.15;  ///< of each matrix product, before and after each step
  bool kernels = false;         ///< time each kind of kernel
};

/// Trains on mock data, optimizer included, and measures each step between two measurements of the
/// rate of matrix products (reference/cpu.md 8). `config` is complete; threads are the calling
/// thread's (kernels::set_num_threads).
StepBenchmark benchmark_steps(const TrainConfig& config, const StepBenchmarkOptions& options,
                              const ComputeDevice& device = ComputeDevice());

}  // namespace weft::train
