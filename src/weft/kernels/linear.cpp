#include <algorithm>

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/gemm.hpp"

namespace weft::kernels {

namespace {

/// Tokens that one piece of the weight gradient sums (reference/cpu.md 4).
constexpr int64_t kPieceTokens = 1024;
/// Outputs that one piece of a wide layer's input gradient sums.
constexpr int64_t kPieceOutputs = 4096;

GemmSpec weight_gradient(int64_t tokens, int64_t in, int64_t out, bool accumulate, DType dtype) {
  return {.m = out,
          .n = in,
          .k = tokens,
          .transpose_a = true,
          .accumulate = accumulate,
          .dtype = dtype};
}

/// The input gradient's share of `count` of the layer's `out` outputs, summed in f32.
GemmSpec input_gradient_piece(int64_t tokens, int64_t in, int64_t out, int64_t count,
                              bool accumulate, DType dtype) {
  return {
      .m = tokens, .n = in, .k = count, .accumulate = accumulate, .a_stride = out, .dtype = dtype};
}

GemmSpec input_gradient(int64_t tokens, int64_t in, int64_t out, bool split, DType dtype) {
  if (split) return input_gradient_piece(tokens, in, out, kPieceOutputs, false, dtype);
  return {.m = tokens, .n = in, .k = out, .dtype = dtype, .c_dtype = dtype};
}

/// Tokens of a piece of the weight gradient. A GPU takes them all at once.
int64_t piece_tokens(const Stream& stream, int64_t tokens) {
  return stream.queue() != nullptr ? tokens : std::min(tokens, kPieceTokens);
}

bool splits(const Stream& stream, int64_t out) {
  constexpr int64_t kLargestUnsplit = 8192;
  return stream.queue() == nullptr && out > kLargestUnsplit;
}

/// `count` elements of `matrix` from element `first`, as [rows, count / rows].
ConstTensorView part(ConstTensorView matrix, int64_t first, int64_t rows, int64_t columns) {
  const auto* bytes = static_cast<const std::byte*>(matrix.raw());
  return {bytes + static_cast<size_t>(first) * size_of(matrix.dtype()),
          matrix.dtype(),
          {rows, columns}};
}

}  // namespace

LinearPlan::LinearPlan(const Stream& stream, int64_t tokens, int64_t in, int64_t out, bool bias,
                       DType dtype)
    : tokens_(tokens),
      in_(in),
      out_(out),
      dtype_(dtype),
      forward_(stream, {.m = tokens,
                        .n = out,
                        .k = in,
                        .transpose_b = true,
                        .bias = bias,
                        .dtype = dtype,
                        .c_dtype = dtype}),
      backward_input_(stream, input_gradient(tokens, in, out, splits(stream, out), dtype)),
      backward_weight_first_(
          stream, weight_gradient(piece_tokens(stream, tokens), in, out, false, dtype)),
      backward_weight_piece_(
          stream, weight_gradient(piece_tokens(stream, tokens), in, out, true, dtype)) {
  const auto add_outputs = [&](int64_t count) {
    return std::make_unique<GemmPlan>(stream,
                                      input_gradient_piece(tokens, in, out, count, true, dtype));
  };
  if (splits(stream, out)) {
    backward_input_piece_ = add_outputs(kPieceOutputs);
    if (out % kPieceOutputs != 0) backward_input_rest_ = add_outputs(out % kPieceOutputs);
  }
  const int64_t rest = tokens % piece_tokens(stream, tokens);
  if (rest > 0) {
    backward_weight_rest_ =
        std::make_unique<GemmPlan>(stream, weight_gradient(rest, in, out, true, dtype));
  }
}

size_t LinearPlan::workspace_bytes() const {
  size_t bytes = backward_input_.workspace_bytes();
  for (const GemmPlan* plan : {backward_input_piece_.get(), backward_input_rest_.get()}) {
    if (plan != nullptr) bytes = std::max(bytes, plan->workspace_bytes());
  }
  // The sum over pieces of outputs stands before the products' workspace.
  if (splits_outputs() && dtype_ != DType::f32) {
    bytes += aligned_size(static_cast<size_t>(tokens_ * in_) * sizeof(float));
  }
  bytes = std::max({bytes, forward_.workspace_bytes(), backward_weight_first_.workspace_bytes(),
                    backward_weight_piece_.workspace_bytes()});
  return backward_weight_rest_ ? std::max(bytes, backward_weight_rest_->workspace_bytes()) : bytes;
}

void LinearPlan::forward(const Context& context, ConstTensorView x_TI, ConstTensorView w_OI,
                         ConstTensorView bias_O, TensorView y_TO) const {
  const TimedKernel timed(context.stream,
                          splits_outputs() ? "wide linear forward" : "linear forward");
  forward_.run(context, x_TI, w_OI, y_TO, bias_O);
}

void LinearPlan::backward_input(const Context& context, ConstTensorView dy_TO, ConstTensorView w_OI,
                                TensorView dx_TI) const {
  const TimedKernel timed(
      context.stream, splits_outputs() ? "wide linear input gradient" : "linear input gradient");
  if (!splits_outputs()) {
    backward_input_.run(context, dy_TO, w_OI, dx_TI);
    return;
  }
  check_size("dy_TO", dy_TO, tokens_ * out_, dtype_);
  check_size("w_OI", w_OI, out_ * in_, dtype_);
  check_size("dx_TI", dx_TI, tokens_ * in_, dtype_);
  check_workspace("LinearPlan::backward_input", context, workspace_bytes());
  if (dtype_ == DType::f32) {
    backward_input_pieces(context, dy_TO, w_OI, dx_TI);
    return;
  }
  const TensorView sum_TI(context.workspace.data(), DType::f32, {tokens_, in_});
  const Context rest{context.stream, context.workspace.subspan(aligned_size(sum_TI.size_bytes()))};
  backward_input_pieces(rest, dy_TO, w_OI, sum_TI);
  convert(context, sum_TI, dx_TI);
}

void LinearPlan::backward_input_pieces(const Context& context, ConstTensorView dy_TO,
                                       ConstTensorView w_OI, TensorView dx_TI) const {
  for (int64_t first = 0; first < out_; first += kPieceOutputs) {
    const int64_t count = std::min(kPieceOutputs, out_ - first);
    const GemmPlan& plan = first == 0               ? backward_input_
                           : count == kPieceOutputs ? *backward_input_piece_
                                                    : *backward_input_rest_;
    plan.run(context, part(dy_TO, first, tokens_, count), part(w_OI, first * in_, count, in_),
             dx_TI);
  }
}

void LinearPlan::backward_weight(const Context& context, ConstTensorView dy_TO,
                                 ConstTensorView x_TI, bool accumulate, TensorView dw_OI) const {
  const TimedKernel timed(
      context.stream, splits_outputs() ? "wide linear weight gradient" : "linear weight gradient");
  check_size("dy_TO", dy_TO, tokens_ * out_, dtype_);
  check_size("x_TI", x_TI, tokens_ * in_, dtype_);
  const int64_t piece = backward_weight_first_.spec().k;
  for (int64_t first = 0; first < tokens_; first += piece) {
    const int64_t count = std::min(piece, tokens_ - first);
    const GemmPlan& plan = first == 0 && !accumulate ? backward_weight_first_
                           : count == piece          ? backward_weight_piece_
                                                     : *backward_weight_rest_;
    plan.run(context, part(dy_TO, first * out_, count, out_), part(x_TI, first * in_, count, in_),
             dw_OI);
  }
}

}  // namespace weft::kernels
