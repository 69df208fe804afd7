#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <random>

#include "weft/kernels/attention.hpp"

// GFLOP/s of causal attention: 4 S^2 D / 2 per head forward, twice that backward; the recomputation
// in backward is not counted. The last argument is the dropout rate in percent.

namespace weft::kernels {
namespace {

constexpr std::array<int64_t, 4> kSamples = {0, 1, 2, 3};

struct AttentionBench {
  explicit AttentionBench(const benchmark::State& state)
      : spec{state.range(0), 4, state.range(2), state.range(2), state.range(1), DType::f32},
        dropout(static_cast<double>(state.range(3)) / 100.0, 1, 1, DropoutSite::attention,
                kSamples),
        plan(stream, spec),
        qkv({spec.sequence, spec.microbatch, spec.qkv_width()}, DType::f32),
        dqkv({spec.sequence, spec.microbatch, spec.qkv_width()}, DType::f32),
        out({spec.sequence, spec.microbatch, spec.out_width()}, DType::f32),
        lse({spec.microbatch, spec.heads, spec.sequence}, DType::f32),
        workspace(plan.workspace_bytes()),
        context{stream, {workspace.data(), workspace.size_bytes()}} {
    std::minstd_rand generator(1);
    for (float& value : qkv.span<float>()) {
      value = static_cast<float>(generator()) / 1073741824.0F - 1.0F;
    }
    plan.forward(context, dropout, qkv, out, lse);
  }

  void report(benchmark::State& state, double factor) const {
    const double flops = factor * 2.0 * static_cast<double>(spec.sequence) *
                         static_cast<double>(spec.sequence) * static_cast<double>(spec.head_dim) *
                         static_cast<double>(spec.heads * spec.microbatch);
    state.counters["GFLOP/s"] = benchmark::Counter(
        flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
  }

  Stream stream;
  AttentionSpec spec;
  Dropout dropout;
  AttentionPlan plan;
  Tensor qkv;
  Tensor dqkv;
  Tensor out;
  Tensor lse;
  Buffer workspace;
  Context context;
};

void attention_forward(benchmark::State& state) {
  AttentionBench bench(state);
  for (auto _ : state) {
    bench.plan.forward(bench.context, bench.dropout, bench.qkv, bench.out, bench.lse);
  }
  bench.report(state, 1.0);
}

void attention_backward(benchmark::State& state) {
  AttentionBench bench(state);
  for (auto _ : state) {
    bench.plan.backward(bench.context, bench.dropout, bench.out, bench.qkv, bench.out, bench.lse,
                        bench.dqkv);
  }
  bench.report(state, 2.0);
}

void attention_sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"S", "D", "N", "dropout"});
  benchmark->Args({256, 64, 4, 0})->Args({1024, 64, 12, 0})->Args({1024, 64, 12, 10});
  benchmark->UseRealTime()->MinTime(0.2);
}

BENCHMARK(attention_forward)->Apply(attention_sizes);
BENCHMARK(attention_backward)->Apply(attention_sizes);

}  // namespace
}  // namespace weft::kernels
