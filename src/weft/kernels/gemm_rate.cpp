#include "weft/kernels/gemm_rate.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <span>

#include "weft/kernels/elementwise.hpp"

namespace weft::kernels {

namespace {

using Clock = std::chrono::steady_clock;

struct Layer {
  int64_t tokens;
  int64_t out;
  int64_t in;
};
constexpr std::array<Layer, 3> kLayers = {
    {{4096, 2304, 768}, {4096, 3072, 768}, {4096, 768, 3072}}};
constexpr std::array<Layer, 1> kGpuLayers = {{{16384, 8192, 8192}}};

std::span<const Layer> layers_for(const Stream& stream) {
  if (stream.queue() == nullptr) return kLayers;
  return kGpuLayers;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

Tensor benchmark_operand(Shape shape, DType dtype, Stream& stream, MemoryResource& memory) {
  const Context context{stream, {}};
  Tensor values(shape, DType::f32, memory);
  fill_uniform(context, {}, 0, 0.0F, 0.5F, values);
  if (dtype == DType::f32) return values;
  Tensor rounded(shape, dtype, memory);
  convert(context, values, rounded);
  stream.synchronize();  // before the values are given back
  return rounded;
}

struct GemmRate::Product {
  Product(Stream& stream, Layer layer, DType dtype, MemoryResource& memory)
      : plan(stream, {.m = layer.tokens,
                      .n = layer.out,
                      .k = layer.in,
                      .transpose_b = true,
                      .dtype = dtype,
                      .c_dtype = dtype}),
        x(benchmark_operand({layer.tokens, layer.in}, dtype, stream, memory)),
        w(benchmark_operand({layer.out, layer.in}, dtype, stream, memory)),
        y({layer.tokens, layer.out}, dtype, memory),
        workspace(plan.workspace_bytes(), memory) {}

  double gflops(Stream& stream, double seconds) {
    const Context context{stream, {workspace.data(), workspace.size_bytes()}};
    plan.run(context, x, w, y);
    stream.synchronize();
    const Clock::time_point start = Clock::now();
    int64_t runs = 0;
    double spent = 0.0;
    while (spent < seconds) {
      plan.run(context, x, w, y);
      stream.synchronize();
      ++runs;
      spent = seconds_since(start);
    }
    const GemmSpec& spec = plan.spec();
    return 2e-9 * static_cast<double>(spec.m * spec.n * spec.k * runs) / spent;
  }

  GemmPlan plan;
  Tensor x;
  Tensor w;
  Tensor y;
  Buffer workspace;
};

GemmRate::GemmRate(Stream& stream, DType dtype, MemoryResource& memory) : stream_(stream) {
  for (const Layer& layer : layers_for(stream)) {
    products_.emplace_back(stream, layer, runs_in_f32(stream, dtype) ? DType::f32 : dtype, memory);
  }
}

GemmRate::~GemmRate() = default;

double GemmRate::measure(double seconds) {
  double best = 0.0;
  for (Product& product : products_) best = std::max(best, product.gflops(stream_, seconds));
  return best;
}

}  // namespace weft::kernels
