#include <fmt/format.h>

#include <array>

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
/// Sizes that fill packs, odd ones, and the vocabulary of GPT-2.
constexpr std::array<Sizes, 4> kSizes = {
    {{256, 768, 2304}, {33, 65, 17}, {1024, 1600, 6400}, {128, 256, 50304}}};

double gemm_tolerance(DType dtype) { return dtype == DType::f32 ? 1e-5 : tolerance_of(dtype); }

void check_layer(Twins& twins, const Sizes& sizes, DType dtype, const ResultSink& sink) {
  const auto [tokens, in, out] = sizes;
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

}  // namespace

void check_products(const ComputeDevice& device, const ResultSink& sink) {
  Twins twins(device);
  for (const Sizes& sizes : kSizes) {
    for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
      check_layer(twins, sizes, dtype, sink);
    }
  }
}

}  // namespace weft::selftest
