#include "weft/kernels/gemm_rate.hpp"

#include <algorithm>
#include <array>
#include <chrono>

#include "weft/kernels/elementwise.hpp"

namespace weft::kernels {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kTokens = 4096;

struct Layer {
  int64_t out;
  int64_t in;
};
constexpr std::array<Layer, 3> kLayers = {{{2304, 768}, {3072, 768}, {768, 3072}}};

/// Numbers in [-1, 1] of the type: an operand of zeros would be measured too fast.
Tensor filled(Shape shape, DType dtype, Stream& stream) {
  Tensor values(shape, DType::f32);
  float value = 0.1F;
  for (float& element : values.span<float>()) {
    value = 3.9F * value * (1.0F - value);  // the logistic map stays in (0, 1)
    element = value - 0.5F;
  }
  if (dtype == DType::f32) return values;
  Tensor rounded(shape, dtype);
  convert({stream, {}}, values, rounded);
  return rounded;
}

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace

struct GemmRate::Product {
  Product(Stream& stream, Layer layer, DType dtype)
      : plan(stream, {.m = kTokens,
                      .n = layer.out,
                      .k = layer.in,
                      .transpose_b = true,
                      .dtype = dtype,
                      .c_dtype = dtype}),
        x(filled({kTokens, layer.in}, dtype, stream)),
        w(filled({layer.out, layer.in}, dtype, stream)),
        y({kTokens, layer.out}, dtype),
        workspace(plan.workspace_bytes()) {}

  double gflops(Stream& stream, double seconds) {
    const Context context{stream, {workspace.data(), workspace.size_bytes()}};
    plan.run(context, x, w, y);
    const Clock::time_point start = Clock::now();
    int64_t runs = 0;
    double spent = 0.0;
    while (spent < seconds) {
      plan.run(context, x, w, y);
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

GemmRate::GemmRate(Stream& stream, DType dtype) : stream_(stream) {
  for (const Layer& layer : kLayers) {
    products_.emplace_back(stream, layer, runs_in_f32(stream, dtype) ? DType::f32 : dtype);
  }
}

GemmRate::~GemmRate() = default;

double GemmRate::measure(double seconds) {
  double best = 0.0;
  for (Product& product : products_) best = std::max(best, product.gflops(stream_, seconds));
  return best;
}

}  // namespace weft::kernels
