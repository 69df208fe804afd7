#include <benchmark/benchmark.h>

#include <algorithm>

#include "weft/kernels/gemm.hpp"

// GFLOP/s of the three products of a linear layer beside the plain forward product of the same run.

namespace weft::kernels {
namespace {

/// The memory of one linear layer and a context with enough workspace.
struct LinearBench {
  LinearBench(int64_t tokens, int64_t in, int64_t out)
      : plan(stream, tokens, in, out, false),
        x({tokens, in}, DType::f32),
        w({out, in}, DType::f32),
        y({tokens, out}, DType::f32),
        workspace(plan.workspace_bytes()),
        context{stream, {workspace.data(), workspace.size_bytes()}} {
    for (Tensor* tensor : {&x, &w, &y}) std::ranges::fill(tensor->span<float>(), 0.5F);
  }

  Stream stream;
  LinearPlan plan;
  Tensor x;
  Tensor w;
  Tensor y;
  Buffer workspace;
  Context context;
};

void report(benchmark::State& state) {
  const double flops = 2.0 * static_cast<double>(state.range(0)) *
                       static_cast<double>(state.range(1)) * static_cast<double>(state.range(2));
  state.counters["GFLOP/s"] = benchmark::Counter(
      flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
}

void linear_forward(benchmark::State& state) {
  LinearBench bench(state.range(0), state.range(1), state.range(2));
  for (auto _ : state) bench.plan.forward(bench.context, bench.x, bench.w, {}, bench.y);
  report(state);
}

void linear_backward_input(benchmark::State& state) {
  LinearBench bench(state.range(0), state.range(1), state.range(2));
  for (auto _ : state) bench.plan.backward_input(bench.context, bench.y, bench.w, bench.x);
  report(state);
}

void linear_backward_weight(benchmark::State& state) {
  LinearBench bench(state.range(0), state.range(1), state.range(2));
  for (auto _ : state) bench.plan.backward_weight(bench.context, bench.y, bench.x, true, bench.w);
  report(state);
}

void layer_sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Args({2048, 256, 1024})->Args({2048, 768, 3072});
  benchmark->UseRealTime()->MinTime(0.2);
}

BENCHMARK(linear_forward)->Apply(layer_sizes);
BENCHMARK(linear_backward_input)->Apply(layer_sizes);
BENCHMARK(linear_backward_weight)->Apply(layer_sizes);

}  // namespace
}  // namespace weft::kernels
