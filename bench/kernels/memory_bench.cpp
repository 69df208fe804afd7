#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstring>
#include <random>
#include <string>

#include "weft/kernels/activation.hpp"
#include "weft/kernels/cross_entropy.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/parallel.hpp"
#include "weft/kernels/rms_norm.hpp"
#include "weft/kernels/rotary.hpp"

// Bytes per second of the memory-bound kernels, named kernel/type/instruction set. Bytes are
// logical: every tensor read or written counts once. Tensors hold 64 Mi elements, which is beyond
// most caches. The counter of_memcpy is the rate divided by that of a parallel memcpy of tensors of
// the same type, timed just before.

namespace weft::kernels {
namespace {

constexpr int64_t kHidden = 1024;
constexpr int64_t kTokens = 65536;
constexpr int64_t kElements = kTokens * kHidden;
constexpr HeadLayout kHeads{4, 2, 128};  // rows of kHidden
constexpr std::array<int64_t, 1> kSamples = {3};

/// Numbers in [-1, 1), the same 4096 again and again.
Tensor numbers(Shape shape, DType dtype) {
  Tensor pattern({4096}, DType::f32);
  std::minstd_rand generator(1);
  for (float& value : pattern.span<float>()) {
    value = static_cast<float>(generator()) / 1073741824.0F - 1.0F;
  }
  Tensor tensor(shape, dtype);
  Stream stream;
  Tensor rounded({4096}, dtype);
  convert({stream, {}}, pattern, rounded);
  auto* to = static_cast<std::byte*>(tensor.view().raw());
  const size_t size = tensor.view().size_bytes();
  const size_t step = rounded.view().size_bytes();
  for (size_t at = 0; at < size; at += step) {
    std::memcpy(to + at, rounded.view().raw(), std::min(step, size - at));
  }
  return tensor;
}

/// Tensors of one type to read and write, some of f32, and a context.
struct MemoryBench {
  MemoryBench(DType dtype, InstructionSet set)
      : stream({}, set),
        a(numbers({kTokens, 1, kHidden}, dtype)),
        b(numbers({kTokens, 1, kHidden}, dtype)),
        c(numbers({kTokens, 1, kHidden}, dtype)),
        wide(numbers({kTokens, 1, kHidden}, DType::f32)),
        gamma(numbers({kHidden}, dtype)),
        bias(numbers({kHidden}, dtype)),
        dgamma({kHidden}, DType::f32),
        dbeta({kHidden}, DType::f32),
        mean({kTokens}, DType::f32),
        rstd(numbers({kTokens}, DType::f32)),
        sum(numbers({kTokens}, DType::f32)),
        angles({kTokens, kHeads.head_dim / 2}, DType::f32),
        labels({kTokens}, DType::i64),
        workspace(size_t{64} << 20),
        context{stream, {workspace.data(), workspace.size_bytes()}} {
    std::ranges::fill(sum.span<float>(), 100.0F);
    std::ranges::fill(angles.span<float>(), std::sqrt(0.5F));
  }

  Stream stream;
  Tensor a;
  Tensor b;
  Tensor c;
  Tensor wide;
  Tensor gamma;
  Tensor bias;
  Tensor dgamma;
  Tensor dbeta;
  Tensor mean;
  Tensor rstd;
  Tensor sum;
  Tensor angles;
  Tensor labels;
  Buffer workspace;
  Context context;
};

void copy(MemoryBench& m) {
  auto* to = static_cast<std::byte*>(m.b.view().raw());
  const auto* from = static_cast<const std::byte*>(m.a.view().raw());
  const auto bytes = static_cast<int64_t>(m.a.view().size_bytes());
  parallel_pieces(bytes, kElementPiece * 4, [=](int64_t begin, int64_t end) {
    std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin));
  });
}

/// Bytes per second of the best of a few copies.
double copy_rate(MemoryBench& m) {
  double best = 1e9;
  for (int i = 0; i < 5; ++i) {
    const auto start = std::chrono::steady_clock::now();
    copy(m);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    best = std::min(best, time.count());
  }
  return 2.0 * static_cast<double>(m.a.view().size_bytes()) / best;
}

/// A kernel and how many times it reads or writes kElements of the type, and of f32.
struct Row {
  const char* name;
  double tensors;
  double wide_tensors;
  void (*run)(MemoryBench&);
};

void swiglu(MemoryBench& m) {
  const ConstTensorView x(m.a.view().raw(), m.a.dtype(), {kTokens, kHidden});
  const TensorView y(m.b.view().raw(), m.b.dtype(), {kTokens, kHidden / 2});
  activation_forward(m.context, Activation::swiglu, x, y);
}

void entropy(MemoryBench& m) { cross_entropy(m.context, m.a, m.labels, m.rstd, m.mean); }

void bias_dropout_add(MemoryBench& m) {
  const Dropout dropout(0.1, 1, 1, DropoutSite::mlp_output, kSamples);
  bias_dropout_add_forward(m.context, dropout, m.a, m.bias, m.b, m.c);
}

const Row kRows[] = {
    {"memory_copy", 2, 0, copy},
    {"add", 3, 0, [](MemoryBench& m) { add(m.context, m.a, m.b); }},
    {"convert_from_f32", 1, 1, [](MemoryBench& m) { convert(m.context, m.wide, m.a); }},
    {"convert_to_f32", 1, 1, [](MemoryBench& m) { convert(m.context, m.a, m.wide); }},
    {"all_finite", 1, 0,
     [](MemoryBench& m) { benchmark::DoNotOptimize(all_finite(m.context, m.a)); }},
    {"gelu_forward", 2, 0,
     [](MemoryBench& m) { activation_forward(m.context, Activation::gelu_tanh, m.a, m.b); }},
    {"gelu_backward", 3, 0,
     [](MemoryBench& m) { activation_backward(m.context, Activation::gelu_tanh, m.a, m.b, m.c); }},
    {"swiglu_forward", 1.5, 0, swiglu},
    {"layer_norm_forward", 2, 0,
     [](MemoryBench& m) {
       layer_norm_forward(m.context, m.a, m.gamma, m.bias, {}, m.b, m.mean, m.rstd);
     }},
    {"layer_norm_backward_input", 4, 0,
     [](MemoryBench& m) {
       layer_norm_backward_input(m.context, m.a, m.b, m.gamma, {}, m.mean, m.rstd, true, m.c);
     }},
    {"layer_norm_backward_weight", 2, 0,
     [](MemoryBench& m) {
       layer_norm_backward_weight(m.context, m.a, m.b, m.mean, m.rstd, m.dgamma, m.dbeta);
     }},
    {"rms_norm_forward", 2, 0,
     [](MemoryBench& m) { rms_norm_forward(m.context, m.a, m.gamma, {}, m.b, m.rstd); }},
    {"rms_norm_backward_input", 4, 0,
     [](MemoryBench& m) {
       rms_norm_backward_input(m.context, m.a, m.b, m.gamma, {}, m.rstd, true, m.c);
     }},
    {"column_sum", 1, 0,
     [](MemoryBench& m) {
       column_sum(m.context, m.a.view().reshape({kTokens, kHidden}), m.dgamma);
     }},
    {"bias_dropout_add", 3, 0, bias_dropout_add},
    {"rotary", 2, 0,
     [](MemoryBench& m) {
       rotary_forward(m.context, kHeads, RotaryPairs::halves, m.angles, m.angles, m.a);
     }},
    {"cross_entropy", 2, 0, entropy},
};

/// What works on f32 alone.
const Row kWideRows[] = {
    {"sum_of_squares", 0, 1,
     [](MemoryBench& m) { benchmark::DoNotOptimize(sum_of_squares(m.context, m.a)); }},
    {"adamw", 0, 7,
     [](MemoryBench& m) {
       adamw(m.context, {.learning_rate = 1e-3F}, 1.0F, m.a, m.b, m.c, m.wide);
     }},
};

void measure(benchmark::State& state, const Row& row, DType dtype, InstructionSet set) {
  MemoryBench bench(dtype, set);
  const double memcpy_rate = copy_rate(bench);
  for (auto _ : state) row.run(bench);
  const double bytes =
      static_cast<double>(state.iterations()) * static_cast<double>(kElements) *
      (row.tensors * static_cast<double>(size_of(dtype)) + row.wide_tensors * sizeof(float));
  state.SetBytesProcessed(static_cast<int64_t>(bytes));
  state.counters["of_memcpy"] =
      benchmark::Counter(bytes / memcpy_rate, benchmark::Counter::kIsRate);
}

void register_row(const Row& row, DType dtype, InstructionSet set) {
  const std::string text = std::string(row.name) + "/" + std::string(name(dtype)) +
                           (set == InstructionSet::v3 ? "/v3" : "/v4");
  benchmark::RegisterBenchmark(text.c_str(),
                               [=](benchmark::State& state) { measure(state, row, dtype, set); })
      ->UseRealTime()
      ->Unit(benchmark::kMillisecond)
      ->MinTime(0.1);
}

[[maybe_unused]] const bool registered = [] {
  for (const InstructionSet set : {InstructionSet::v3, InstructionSet::v4}) {
    if (set == InstructionSet::v4 && best_instruction_set() != set) continue;
    for (const Row& row : kRows) {
      for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) register_row(row, dtype, set);
    }
    for (const Row& row : kWideRows) register_row(row, DType::f32, set);
  }
  return true;
}();

}  // namespace
}  // namespace weft::kernels
