#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

#include "weft/kernels/activation.hpp"
#include "weft/kernels/cross_entropy.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/parallel.hpp"

// Bytes per second of the memory-bound kernels beside a parallel memcpy of the same run. Bytes are
// logical: every tensor read or written counts once. Tensors are 4096 x 1024.

namespace weft::kernels {
namespace {

constexpr int64_t kTokens = 4096;
constexpr int64_t kHidden = 1024;
constexpr int64_t kElements = kTokens * kHidden;
constexpr std::array<int64_t, 1> kSamples = {3};

Tensor numbers(Shape shape) {
  Tensor tensor(shape, DType::f32);
  std::minstd_rand generator(1);
  for (float& value : tensor.span<float>()) {
    value = static_cast<float>(generator()) / 1073741824.0F - 1.0F;
  }
  return tensor;
}

/// Tensors of one size to read and write, and a context.
struct MemoryBench {
  MemoryBench()
      : a(numbers({kTokens, 1, kHidden})),
        b(numbers({kTokens, 1, kHidden})),
        c(numbers({kTokens, 1, kHidden})),
        d(numbers({kTokens, 1, kHidden})),
        row(numbers({kHidden})),
        bias(numbers({kHidden})),
        mean({kTokens}, DType::f32),
        rstd({kTokens}, DType::f32),
        sum(numbers({kTokens})),
        labels({kTokens}, DType::i64),
        workspace(size_t{64} << 20),
        context{stream, {workspace.data(), workspace.size_bytes()}} {
    std::ranges::fill(rstd.span<float>(), 1.0F);
    std::ranges::fill(sum.span<float>(), 100.0F);
  }

  Stream stream;
  Tensor a;
  Tensor b;
  Tensor c;
  Tensor d;
  Tensor row;
  Tensor bias;
  Tensor mean;
  Tensor rstd;
  Tensor sum;
  Tensor labels;
  Buffer workspace;
  Context context;
};

/// Runs `kernel(bench)` and reports `tensors` reads and writes of kElements per call.
template <typename Kernel>
void measure(benchmark::State& state, int64_t tensors, const Kernel& kernel) {
  MemoryBench bench;
  for (auto _ : state) kernel(bench);
  state.SetBytesProcessed(state.iterations() * tensors * kElements * 4);
}

void memory_copy(benchmark::State& state) {
  measure(state, 2, [](MemoryBench& m) {
    float* to = m.b.view().data<float>();
    const float* from = m.a.view().data<float>();
    parallel_pieces(kElements, kElementPiece, [=](int64_t begin, int64_t end) {
      std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin) * sizeof(float));
    });
  });
}

void add_tensors(benchmark::State& state) {
  measure(state, 3, [](MemoryBench& m) { add(m.context, m.a, m.b); });
}

void gelu_forward(benchmark::State& state) {
  measure(state, 2,
          [](MemoryBench& m) { activation_forward(m.context, Activation::gelu_tanh, m.a, m.b); });
}

void gelu_backward(benchmark::State& state) {
  measure(state, 3, [](MemoryBench& m) {
    activation_backward(m.context, Activation::gelu_tanh, m.a, m.b, m.c);
  });
}

void layer_norm(benchmark::State& state) {
  measure(state, 2, [](MemoryBench& m) {
    layer_norm_forward(m.context, m.a, m.row, m.bias, NormConstants{}, m.b, m.mean, m.rstd);
  });
}

void layer_norm_input_gradient(benchmark::State& state) {
  measure(state, 4, [](MemoryBench& m) {
    layer_norm_backward_input(m.context, m.a, m.b, m.row, NormConstants{}, m.mean, m.rstd, true,
                              m.c);
  });
}

void layer_norm_weight_gradient(benchmark::State& state) {
  measure(state, 2, [](MemoryBench& m) {
    layer_norm_backward_weight(m.context, m.a, m.b, m.mean, m.rstd, m.row, m.bias);
  });
}

void bias_gradient(benchmark::State& state) {
  measure(state, 1, [](MemoryBench& m) {
    column_sum(m.context, m.a.view().reshape({kTokens, kHidden}), m.row);
  });
}

void bias_dropout_add(benchmark::State& state) {
  const Dropout dropout(0.1, 1, 1, DropoutSite::mlp_output, kSamples);
  measure(state, 3, [&](MemoryBench& m) {
    bias_dropout_add_forward(m.context, dropout, m.a, m.bias, m.b, m.c);
  });
}

void cross_entropy(benchmark::State& state) {
  measure(state, 4, [](MemoryBench& m) {
    cross_entropy_max(m.context, m.a, m.mean);
    cross_entropy_sums(m.context, m.a, m.labels, 0, m.mean, m.rstd, m.sum);
    cross_entropy_backward(m.context, m.a, m.labels, 0, m.mean, m.sum, m.rstd);
  });
}

void adamw_step(benchmark::State& state) {
  measure(state, 7, [](MemoryBench& m) {
    adamw(m.context, {.learning_rate = 1e-3F}, 1.0F, m.a, m.b, m.c, m.d);
  });
}

void squares(benchmark::State& state) {
  measure(state, 1,
          [](MemoryBench& m) { benchmark::DoNotOptimize(sum_of_squares(m.context, m.a)); });
}

void settings(benchmark::internal::Benchmark* benchmark) { benchmark->UseRealTime()->MinTime(0.1); }

BENCHMARK(memory_copy)->Apply(settings);
BENCHMARK(add_tensors)->Apply(settings);
BENCHMARK(gelu_forward)->Apply(settings);
BENCHMARK(gelu_backward)->Apply(settings);
BENCHMARK(layer_norm)->Apply(settings);
BENCHMARK(layer_norm_input_gradient)->Apply(settings);
BENCHMARK(layer_norm_weight_gradient)->Apply(settings);
BENCHMARK(bias_gradient)->Apply(settings);
BENCHMARK(bias_dropout_add)->Apply(settings);
BENCHMARK(cross_entropy)->Apply(settings);
BENCHMARK(adamw_step)->Apply(settings);
BENCHMARK(squares)->Apply(settings);

}  // namespace
}  // namespace weft::kernels
