#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <vector>

#include "weft/kernels/gemm.hpp"
#include "weft/selftest/checks.hpp"
#include "weft/selftest/twins.hpp"

namespace weft::selftest {

namespace {

struct Sizes {
  int64_t tokens;
  int64_t in;
  int64_t out;
};
constexpr int64_t kVocabulary = 50304;
/// Sizes that fill packs, odd ones, and the vocabulary of GPT-2.
constexpr std::array<Sizes, 4> kSizes = {
    {{256, 768, 2304}, {33, 65, 17}, {1024, 1600, 6400}, {128, 256, kVocabulary}}};

double gemm_tolerance(DType dtype) { return dtype == DType::f32 ? 1e-5 : tolerance_of(dtype); }

void check_layer(Twins& twins, const Sizes& sizes, DType dtype, const ResultSink& sink) {
  const int64_t tokens = sizes.tokens;
  const int64_t in = sizes.in;
  const int64_t out = sizes.out;
  const std::string size = fmt::format(" {} {}x{}x{}", name(dtype), tokens, in, out);
  const auto check = [&](const std::string& what, Twin& result, double tolerance,
                         const std::function<void(const Twins::Side&)>& body) {
    report_check(sink, "products", what + size, tolerance, [&] {
      twins.run(body);
      return twins.error(result);
    });
  };
  Twin& x = twins.normal({tokens, in}, dtype);
  Twin& w = twins.normal({out, in}, dtype, 0.05F);
  Twin& bias = twins.normal({out}, dtype);
  Twin& dy = twins.normal({tokens, out}, dtype);
  Twin& y = twins.output({tokens, out}, dtype);
  Twin& y_plain = twins.output({tokens, out}, dtype);
  Twin& dx = twins.output({tokens, in}, dtype);
  Twin& dw = twins.output({out, in}, DType::f32);
  const auto plan = [&](const Twins::Side& side, bool with_bias) {
    return kernels::LinearPlan(side.context.stream, tokens, in, out, with_bias, dtype);
  };
  check("forward with bias", y, gemm_tolerance(dtype), [&](const Twins::Side& side) {
    plan(side, true).forward(side.context, side(x), side(w), side(bias), side(y));
  });
  check("forward", y_plain, gemm_tolerance(dtype), [&](const Twins::Side& side) {
    plan(side, false).forward(side.context, side(x), side(w), {}, side(y_plain));
  });
  check("input gradient", dx, gemm_tolerance(dtype), [&](const Twins::Side& side) {
    plan(side, false).backward_input(side.context, side(dy), side(w), side(dx));
  });
  check("weight gradient, written and added", dw, 1e-5, [&](const Twins::Side& side) {
    const kernels::LinearPlan layer = plan(side, false);
    layer.backward_weight(side.context, side(dy), side(x), false, side(dw));
    layer.backward_weight(side.context, side(dy), side(x), true, side(dw));
  });
  twins.clear();
}

/// What GemmPlan::fused makes of a layer between GELU and GELU, against the processor's products
/// and kernels. Where the device has no such product, or a slower one, the check says so.
void check_epilogues(Twins& twins, const Sizes& sizes, DType dtype, const ResultSink& sink) {
  const int64_t tokens = sizes.tokens;
  const int64_t in = sizes.in;
  const int64_t out = sizes.out;
  const std::string size = fmt::format(" {} {}x{}x{}", name(dtype), tokens, in, out);
  using Plan = kernels::LinearPlan;
  const auto plan = [&](const Twins::Side& side, bool with_bias) {
    return Plan(side.context.stream, tokens, in, out, with_bias, dtype,
                {.gelu = true, .gelu_gradient = true, .bias_gradient = true});
  };
  const auto check = [&](const std::string& what, bool with_bias, double tolerance,
                         const std::vector<Twin*>& results,
                         const std::function<bool(const Plan&)>& fuses,
                         const std::function<void(const Twins::Side&, const Plan&)>& body) {
    bool is_fused = false;
    const ResultSink with_note = [&](CheckResult result) {
      if (result.note.empty()) result.note = is_fused ? "fused" : "no algorithm, or a slower one";
      sink(result);
    };
    report_check(with_note, "products", what + size, tolerance, [&] {
      twins.run([&](const Twins::Side& side) {
        const Plan layer = plan(side, with_bias);
        is_fused = fuses(layer);
        body(side, layer);
      });
      double error = 0.0;
      for (const Twin* result : results) {
        const double next = twins.error(*result);
        if (std::isnan(next)) return next;
        error = std::max(error, next);
      }
      return error;
    });
  };
  Twin& x = twins.normal({tokens, in}, dtype);
  Twin& w = twins.normal({out, in}, dtype, 0.05F);
  Twin& bias = twins.normal({out}, dtype);
  Twin& dy = twins.normal({tokens, out}, dtype);
  Twin& z_in = twins.normal({tokens, in}, dtype, 2.0F);
  for (const bool with_bias : {false, true}) {
    Twin& z = twins.output({tokens, out}, dtype);
    Twin& y = twins.output({tokens, out}, dtype);
    check(
        with_bias ? "forward with bias and GELU" : "forward with GELU", with_bias,
        gemm_tolerance(dtype), {&z, &y}, [](const Plan& layer) { return layer.fuses_gelu(); },
        [&](const Twins::Side& side, const Plan& layer) {
          const ConstTensorView added = with_bias ? side(bias) : TensorView();
          layer.forward_gelu(side.context, side(x), side(w), added, side(z), side(y));
        });
  }
  Twin& dz = twins.output({tokens, in}, dtype);
  check(
      "input gradient with GELU", false, gemm_tolerance(dtype), {&dz},
      [](const Plan& layer) { return layer.fuses_gelu_gradient(); },
      [&](const Twins::Side& side, const Plan& layer) {
        layer.backward_input_gelu(side.context, side(dy), side(w), side(z_in), side(dz));
      });
  for (const bool accumulate : {false, true}) {
    Twin& dw =
        accumulate ? twins.normal({out, in}, DType::f32) : twins.output({out, in}, DType::f32);
    Twin& db = twins.normal({out}, DType::f32);
    check(
        accumulate ? "weight and bias gradient, added" : "weight and bias gradient, written", false,
        1e-5, {&dw, &db}, [&](const Plan& layer) { return layer.fuses_bias_gradient(accumulate); },
        [&](const Twins::Side& side, const Plan& layer) {
          layer.backward_weight(side.context, side(dy), side(x), accumulate, side(dw), side(db));
        });
  }
  twins.clear();
}

}  // namespace

void check_products(const ComputeDevice& device, const ResultSink& sink) {
  Twins twins(device);
  for (const Sizes& sizes : kSizes) {
    for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
      check_layer(twins, sizes, dtype, sink);
      // The vocabulary's layer stands beside no GELU.
      if (sizes.out < kVocabulary) check_epilogues(twins, sizes, dtype, sink);
    }
  }
}

}  // namespace weft::selftest
