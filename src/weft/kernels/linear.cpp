#include <algorithm>

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/activation.hpp"
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
                       DType dtype, LinearEpilogues epilogues)
    : tokens_(tokens),
      in_(in),
      out_(out),
      dtype_(dtype),
      epilogues_(epilogues),
      forward_(stream, {.m = tokens,
                        .n = out,
                        .k = in,
                        .transpose_b = true,
                        .bias = bias,
                        .dtype = dtype,
                        .c_dtype = dtype}),
      backward_input_(stream, input_gradient(tokens, in, out, splits(stream, out), dtype)),
      backward_weight_first_(stream,
                             weight_gradient(piece_tokens(stream, tokens), in, out, false, dtype)),
      backward_weight_piece_(stream,
                             weight_gradient(piece_tokens(stream, tokens), in, out, true, dtype)) {
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
  if (epilogues.gelu) {
    forward_gelu_ = GemmPlan::fused(stream, forward_.spec(),
                                    bias ? Epilogue::gelu_aux_bias : Epilogue::gelu_aux);
  }
  if (epilogues.gelu_gradient && !splits_outputs()) {
    backward_input_gelu_ = GemmPlan::fused(stream, backward_input_.spec(), Epilogue::dgelu);
  }
  if (epilogues.bias_gradient) {
    backward_weight_bias_first_ =
        GemmPlan::fused(stream, backward_weight_first_.spec(), Epilogue::left_bias_sum);
    backward_weight_bias_piece_ =
        GemmPlan::fused(stream, backward_weight_piece_.spec(), Epilogue::left_bias_sum);
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
  if (backward_weight_rest_) bytes = std::max(bytes, backward_weight_rest_->workspace_bytes());
  for (const auto* plan : {&forward_gelu_, &backward_input_gelu_}) {
    if (*plan) bytes = std::max(bytes, (*plan)->workspace_bytes());
  }
  return epilogues_.bias_gradient ? std::max(bytes, bias_gradient_bytes()) : bytes;
}

size_t LinearPlan::bias_gradient_bytes() const {
  size_t bytes = 0;
  for (const bool accumulate : {false, true}) {
    const auto& plan = bias_gradient(accumulate);
    bytes = std::max(bytes, plan ? bias_sum_bytes() + plan->workspace_bytes()
                                 : column_sum_workspace(tokens_, out_));
  }
  return bytes;
}

size_t LinearPlan::bias_sum_bytes() const {
  return aligned_size(static_cast<size_t>(out_) * sizeof(float));
}

void LinearPlan::forward(const Context& context, ConstTensorView x_TI, ConstTensorView w_OI,
                         ConstTensorView bias_O, TensorView y_TO) const {
  const TimedKernel timed(context.stream,
                          splits_outputs() ? "wide linear forward" : "linear forward");
  forward_.run(context, x_TI, w_OI, y_TO, bias_O);
}

void LinearPlan::forward_gelu(const Context& context, ConstTensorView x_TI, ConstTensorView w_OI,
                              ConstTensorView bias_O, TensorView z_TO, TensorView y_TO) const {
  if (!forward_gelu_) {
    forward(context, x_TI, w_OI, bias_O, z_TO);
    activation_forward(context, Activation::gelu_tanh, z_TO, y_TO);
    return;
  }
  const TimedKernel timed(context.stream, "linear forward with GELU");
  forward_gelu_->run_fused(context, x_TI, w_OI, y_TO,
                           {.bias = bias_O, .bias_sum = {}, .aux_out_MN = z_TO, .aux_MN = {}});
}

void LinearPlan::backward_input_gelu(const Context& context, ConstTensorView dy_TO,
                                     ConstTensorView w_OI, ConstTensorView z_TI,
                                     TensorView dz_TI) const {
  if (!backward_input_gelu_) {
    backward_input(context, dy_TO, w_OI, dz_TI);
    activation_backward(context, Activation::gelu_tanh, dz_TI, z_TI, dz_TI);
    return;
  }
  const TimedKernel timed(context.stream, "linear input gradient with GELU");
  backward_input_gelu_->run_fused(context, dy_TO, w_OI, dz_TI,
                                  {.bias = {}, .bias_sum = {}, .aux_out_MN = {}, .aux_MN = z_TI});
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

void LinearPlan::backward_weight(const Context& context, ConstTensorView dy_TO,
                                 ConstTensorView x_TI, bool accumulate, TensorView dw_OI,
                                 TensorView db_O) const {
  const auto& fused = bias_gradient(accumulate);
  if (!fused) {
    backward_weight(context, dy_TO, x_TI, accumulate, dw_OI);
    column_sum(context, dy_TO, db_O);
    return;
  }
  check_size("db_O", db_O, out_);
  check_workspace("LinearPlan::backward_weight", context, bias_gradient_bytes());
  // The library writes a sum, and never adds to one.
  const TensorView sum_O(context.workspace.data(), DType::f32, {out_});
  {
    const TimedKernel timed(context.stream, "linear weight gradient with bias");
    fused->run_fused({context.stream, context.workspace.subspan(bias_sum_bytes())}, dy_TO, x_TI,
                     dw_OI, {.bias = {}, .bias_sum = sum_O, .aux_out_MN = {}, .aux_MN = {}});
  }
  add(context, sum_O, db_O);
}

}  // namespace weft::kernels
