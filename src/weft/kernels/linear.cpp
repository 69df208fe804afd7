#include <algorithm>

#include "weft/kernels/checks.hpp"
#include "weft/kernels/gemm.hpp"

namespace weft::kernels {

namespace {

/// Tokens that one piece of the weight gradient sums (reference/cpu.md 4).
constexpr int64_t kPieceTokens = 1024;

GemmSpec weight_gradient(int64_t tokens, int64_t in, int64_t out, DType dtype) {
  return {.m = out, .n = in, .k = tokens, .transpose_a = true, .accumulate = true, .dtype = dtype};
}

ConstTensorView rows(ConstTensorView matrix, int64_t first, int64_t count, int64_t columns) {
  return {matrix.data<float>() + first * columns, DType::f32, {count, columns}};
}

}  // namespace

LinearPlan::LinearPlan(const Stream& stream, int64_t tokens, int64_t in, int64_t out, bool bias,
                       DType dtype)
    : tokens_(tokens),
      in_(in),
      out_(out),
      forward_(stream,
               {.m = tokens, .n = out, .k = in, .transpose_b = true, .bias = bias, .dtype = dtype}),
      backward_input_(stream, {.m = tokens, .n = in, .k = out, .dtype = dtype}),
      backward_weight_piece_(stream,
                             weight_gradient(std::min(tokens, kPieceTokens), in, out, dtype)) {
  const int64_t rest = tokens > kPieceTokens ? tokens % kPieceTokens : 0;
  if (rest > 0) {
    backward_weight_rest_ =
        std::make_unique<GemmPlan>(stream, weight_gradient(rest, in, out, dtype));
  }
}

size_t LinearPlan::workspace_bytes() const {
  size_t bytes = std::max(forward_.workspace_bytes(), backward_input_.workspace_bytes());
  bytes = std::max(bytes, backward_weight_piece_.workspace_bytes());
  return backward_weight_rest_ ? std::max(bytes, backward_weight_rest_->workspace_bytes()) : bytes;
}

void LinearPlan::forward(const Context& context, ConstTensorView x_TI, ConstTensorView w_OI,
                         ConstTensorView bias_O, TensorView y_TO) const {
  forward_.run(context, x_TI, w_OI, y_TO, bias_O);
}

void LinearPlan::backward_input(const Context& context, ConstTensorView dy_TO, ConstTensorView w_OI,
                                TensorView dx_TI) const {
  backward_input_.run(context, dy_TO, w_OI, dx_TI);
}

void LinearPlan::backward_weight(const Context& context, ConstTensorView dy_TO,
                                 ConstTensorView x_TI, TensorView dw_OI) const {
  check_size("dy_TO", dy_TO, tokens_ * out_);
  check_size("x_TI", x_TI, tokens_ * in_);
  const int64_t piece = std::min(tokens_, kPieceTokens);
  for (int64_t first = 0; first < tokens_; first += piece) {
    const int64_t count = std::min(piece, tokens_ - first);
    const GemmPlan& plan = count == piece ? backward_weight_piece_ : *backward_weight_rest_;
    plan.run(context, rows(dy_TO, first, count, out_), rows(x_TI, first, count, in_), dw_OI);
  }
}

}  // namespace weft::kernels
