#include <benchmark/benchmark.h>

#include <array>
#include <dnnl.hpp>
#include <random>
#include <string>
#include <unordered_map>

#include "weft/kernels/attention.hpp"

// GFLOP/s of causal attention: 4 S^2 D / 2 per head forward, twice that backward; the recomputation
// in backward is not counted. Beside them stands oneDNN's plain matrix product of the same type, so
// that a ratio can be taken from one run. The last argument is the dropout rate in percent.

namespace weft::kernels {
namespace {

constexpr std::array<int64_t, 4> kSamples = {0, 1, 2, 3};

/// The argument that says what is measured.
enum Form : int64_t { kF32, kBf16, kBf16Products, kF16 };

DType dtype_of_form(int64_t form) {
  if (form == kF32) return DType::f32;
  return form == kF16 ? DType::f16 : DType::bf16;
}

std::string name_of_form(int64_t form) {
  return std::string(name(dtype_of_form(form))) + (form == kBf16Products ? ", bf16 products" : "");
}

void fill(TensorView tensor) {
  std::minstd_rand generator(1);
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    const float value = static_cast<float>(generator()) / 1073741824.0F - 1.0F;
    switch (tensor.dtype()) {
      case DType::bf16:
        tensor.data<BFloat16>()[i] = to_bfloat16(value);
        break;
      case DType::f16:
        tensor.data<Float16>()[i] = to_float16(value);
        break;
      default:
        tensor.data<float>()[i] = value;
    }
  }
}

struct AttentionBench {
  explicit AttentionBench(const benchmark::State& state)
      : spec{state.range(1),       4096 / state.range(1), 768 / state.range(2),
             768 / state.range(2), state.range(2),        dtype_of_form(state.range(0))},
        dropout(static_cast<double>(state.range(3)) / 100.0, 1, 1, DropoutSite::attention,
                std::span(kSamples).first(static_cast<size_t>(spec.microbatch))),
        plan(stream, spec,
             state.range(0) == kBf16Products ? TileProducts::bf16 : TileProducts::f32),
        qkv({spec.sequence, spec.microbatch, spec.qkv_width()}, spec.dtype),
        dqkv({spec.sequence, spec.microbatch, spec.qkv_width()}, spec.dtype),
        out({spec.sequence, spec.microbatch, spec.out_width()}, spec.dtype),
        lse({spec.microbatch, spec.heads, spec.sequence}, DType::f32),
        workspace(plan.workspace_bytes()),
        context{stream, {workspace.data(), workspace.size_bytes()}} {
    fill(qkv);
    plan.forward(context, dropout, qkv, out, lse);
  }

  void report(benchmark::State& state, double factor) const {
    const double flops = factor * 2.0 * static_cast<double>(spec.sequence) *
                         static_cast<double>(spec.sequence) * static_cast<double>(spec.head_dim) *
                         static_cast<double>(spec.heads * spec.microbatch);
    state.counters["GFLOP/s"] = benchmark::Counter(
        flops * 1e-9, benchmark::Counter::kIsIterationInvariantRate, benchmark::Counter::kIs1000);
    state.SetLabel(name_of_form(state.range(0)));
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

bool can_run(benchmark::State& state) {
  if (state.range(0) != kBf16Products || best_instruction_set() == InstructionSet::v4) return true;
  state.SkipWithError("bf16 products need v4");
  return false;
}

void attention_forward(benchmark::State& state) {
  if (!can_run(state)) return;
  AttentionBench bench(state);
  for (auto _ : state) {
    bench.plan.forward(bench.context, bench.dropout, bench.qkv, bench.out, bench.lse);
  }
  bench.report(state, 1.0);
}

void attention_backward(benchmark::State& state) {
  if (!can_run(state)) return;
  AttentionBench bench(state);
  for (auto _ : state) {
    bench.plan.backward(bench.context, bench.dropout, bench.out, bench.qkv, bench.out, bench.lse,
                        bench.dqkv);
  }
  bench.report(state, 2.0);
}

/// Y[4096, 2304] = X[4096, 768] W[2304, 768]^T by oneDNN.
void plain_product(benchmark::State& state) {
  using dnnl::memory;
  constexpr memory::dim kM = 4096;
  constexpr memory::dim kN = 2304;
  constexpr memory::dim kK = 768;
  const DType dtype = dtype_of_form(state.range(0));
  const auto type = dtype == DType::f32 ? memory::data_type::f32 : memory::data_type::bf16;
  const memory::desc x_MK({kM, kK}, type, memory::format_tag::ab);
  const memory::desc w_KN({kK, kN}, type, memory::format_tag::ba);
  const memory::desc y_MN({kM, kN}, type, memory::format_tag::ab);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  Tensor x({kM, kK}, dtype);
  Tensor w({kN, kK}, dtype);
  Tensor y({kM, kN}, dtype);
  fill(x);
  fill(w);
  const dnnl::matmul product({{x_MK, w_KN, y_MN}, engine});
  const std::unordered_map<int, memory> arguments = {
      {DNNL_ARG_SRC, memory(x_MK, engine, x.view().raw())},
      {DNNL_ARG_WEIGHTS, memory(w_KN, engine, w.view().raw())},
      {DNNL_ARG_DST, memory(y_MN, engine, y.view().raw())}};
  for (auto _ : state) {
    product.execute(stream, arguments);
    stream.wait();
  }
  state.counters["GFLOP/s"] =
      benchmark::Counter(2e-9 * kM * kN * kK, benchmark::Counter::kIsIterationInvariantRate,
                         benchmark::Counter::kIs1000);
  state.SetLabel(std::string(name(dtype)));
}

/// Four samples of 1024 or one of 4096, 768 features: 12 heads of 64 or 6 of 128.
void attention_sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"form", "S", "D", "dropout"});
  for (const int64_t form : {kF32, kBf16, kBf16Products, kF16}) {
    for (const int64_t sequence : {1024, 4096}) {
      for (const int64_t head_dim : {64, 128}) benchmark->Args({form, sequence, head_dim, 0});
    }
    benchmark->Args({form, 1024, 64, 10});
  }
  benchmark->UseRealTime()->MinTime(0.2);
}

BENCHMARK(plain_product)->ArgName("form")->Arg(kF32)->Arg(kBf16)->UseRealTime()->MinTime(0.2);
BENCHMARK(attention_forward)->Apply(attention_sizes);
BENCHMARK(attention_backward)->Apply(attention_sizes);
BENCHMARK(plain_product)
    ->Name("plain_product_after")
    ->ArgName("form")
    ->Arg(kF32)
    ->Arg(kBf16)
    ->UseRealTime()
    ->MinTime(0.2);

}  // namespace
}  // namespace weft::kernels
