#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "weft/kernels/context.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::kernels {

/// One matrix product C = A B, with every size fixed.
struct GemmSpec {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool transpose_a = false;    ///< A is stored [k, m] instead of [m, k]
  bool transpose_b = false;    ///< B is stored [n, k] instead of [k, n]
  bool accumulate = false;     ///< C += A B instead of C = A B
  bool bias = false;           ///< adds bias[n] to every row
  int64_t a_stride = 0;        ///< elements between the rows of A as stored; 0: they are adjacent
  DType dtype = DType::f32;    ///< of A, B and the bias: f32, bf16 or f16
  DType c_dtype = DType::f32;  ///< of C: dtype or f32

  int64_t a_row() const { return a_stride != 0 ? a_stride : (transpose_a ? m : k); }
};

/// What a product does besides multiplying, without another pass over memory. c_MN is row-major.
enum class Epilogue : uint8_t {
  none,
  bias,            ///< c += bias_N in every row
  gelu_aux,        ///< aux_MN = c before GELU (tanh form), c = GELU(aux)
  gelu_aux_bias,   ///< aux_MN = c + bias_N, c = GELU(aux)
  dgelu,           ///< c *= GELU'(aux_MN)
  dgelu_bias_sum,  ///< as dgelu; bias_N = sum of c over its rows
  left_bias_sum,   ///< bias_M = sum over K of A_MK: of a weight gradient, the bias gradient
};

/// Columns of an aux are a multiple of this (reference/cuda.md 2.1).
inline constexpr int64_t kAuxStep = 8;

constexpr bool writes_aux(Epilogue epilogue) {
  return epilogue == Epilogue::gelu_aux || epilogue == Epilogue::gelu_aux_bias;
}
constexpr bool has_aux(Epilogue epilogue) {
  return writes_aux(epilogue) || epilogue == Epilogue::dgelu ||
         epilogue == Epilogue::dgelu_bias_sum;
}
constexpr bool adds_bias(Epilogue epilogue) {
  return epilogue == Epilogue::bias || epilogue == Epilogue::gelu_aux_bias;
}
constexpr bool sums_bias(Epilogue epilogue) {
  return epilogue == Epilogue::dgelu_bias_sum || epilogue == Epilogue::left_bias_sum;
}

/// What an epilogue reads or writes beside A, B and C; empty what it does not have.
struct EpilogueTensors {
  ConstTensorView bias;    ///< read by `bias` and `gelu_aux_bias`
  TensorView bias_sum;     ///< overwritten by `dgelu_bias_sum` and `left_bias_sum`
  TensorView aux_out_MN;   ///< written by `gelu_aux*`
  ConstTensorView aux_MN;  ///< read by `dgelu*`
};

/// Whether products of `dtype` on `stream` run in f32 on converted operands: oneDNN 2.6 has no f16
/// product, and on some processors its bf16 product is slower than the f32 one.
bool runs_in_f32(const Stream& stream, DType dtype);

class GemmBackend;

/// A matrix product prepared once and run many times. Made on the thread that runs it, after
/// set_num_threads. Sums are f32 and rounded once. Results do not depend on the number of threads,
/// in bf16 as long as a transposed A has at most 1024 rows (reference/cpu.md 4). f16, and bf16
/// where multiplies_bf16_fast() is false, run as f32 products of converted panels. On a GPU a
/// product is one of cuBLASLt, in its operands' type.
class GemmPlan {
 public:
  GemmPlan(const Stream& stream, const GemmSpec& spec);
  /// As the product of `spec` with `epilogue` in the place of its bias; none where the device's
  /// library has no such product, or where the product of `spec` and a kernel for the rest took
  /// less time when they were tried. The CPU has none.
  static std::optional<GemmPlan> fused(const Stream& stream, const GemmSpec& spec,
                                       Epilogue epilogue);
  ~GemmPlan();
  GemmPlan(GemmPlan&&) noexcept;
  GemmPlan& operator=(GemmPlan&&) noexcept;

  /// Bytes of Context::workspace that `run` needs.
  size_t workspace_bytes() const;
  /// C = A B (or C += A B) [+ bias]. `bias` is empty unless GemmSpec::bias. A with a_stride is
  /// given as a view of its first element whose shape counts m x k elements.
  void run(const Context& context, ConstTensorView a, ConstTensorView b, TensorView c,
           ConstTensorView bias = {}) const;
  /// As above, of a fused plan.
  void run_fused(const Context& context, ConstTensorView a, ConstTensorView b, TensorView c,
                 const EpilogueTensors& tensors) const;

  const GemmSpec& spec() const { return spec_; }

 private:
  GemmPlan(const GemmSpec& spec, Epilogue epilogue, std::unique_ptr<GemmBackend> backend);
  void check_operands(const Context& context, ConstTensorView a, ConstTensorView b,
                      TensorView c) const;

  GemmSpec spec_;
  Epilogue epilogue_ = Epilogue::none;  ///< of a fused plan
  std::unique_ptr<GemmBackend> backend_;
};

/// What a linear layer's products do beside multiplying where GemmPlan::fused has such products.
struct LinearEpilogues {
  bool gelu = false;           ///< forward_gelu will be called
  bool gelu_gradient = false;  ///< backward_input_gelu will be called
  bool bias_gradient = false;  ///< backward_weight will be called with db_O
};

/// The three products of a linear layer y_TO = x_TI w_OI^T + b_O. x, w, b, y and their gradients
/// but dw are of one element type, dw is f32. The weight gradient is summed over pieces of at most
/// 1024 tokens in order, so that its bits do not depend on the number of threads (reference/cpu.md
/// 4); the input gradient of a layer with more than 8192 outputs over pieces of 4096 outputs, which
/// is faster (reference/cpu.md 1.3). On a GPU each product is one.
class LinearPlan {
 public:
  /// `tokens` rows, `in` and `out` features; with `bias` forward adds b_O.
  LinearPlan(const Stream& stream, int64_t tokens, int64_t in, int64_t out, bool bias,
             DType dtype = DType::f32, LinearEpilogues epilogues = {});

  size_t workspace_bytes() const;
  /// y_TO = x_TI w_OI^T (+ bias_O).
  void forward(const Context& context, ConstTensorView x_TI, ConstTensorView w_OI,
               ConstTensorView bias_O, TensorView y_TO) const;
  /// z_TO = x_TI w_OI^T (+ bias_O), y_TO = GELU(z_TO) in its tanh form. A fused product takes GELU
  /// of z before z is rounded.
  void forward_gelu(const Context& context, ConstTensorView x_TI, ConstTensorView w_OI,
                    ConstTensorView bias_O, TensorView z_TO, TensorView y_TO) const;
  /// dx_TI = dy_TO w_OI.
  void backward_input(const Context& context, ConstTensorView dy_TO, ConstTensorView w_OI,
                      TensorView dx_TI) const;
  /// dz_TI = (dy_TO w_OI) GELU'(z_TI), the gradient of what GELU made x_TI of. A fused product does
  /// not round dy_TO w_OI first.
  void backward_input_gelu(const Context& context, ConstTensorView dy_TO, ConstTensorView w_OI,
                           ConstTensorView z_TI, TensorView dz_TI) const;
  /// dw_OI = dy_TO^T x_TI; with `accumulate` it is added to what dw_OI holds. Written and added to
  /// zeros the bits are the same, but for the sign of a sum that underflows to zero.
  void backward_weight(const Context& context, ConstTensorView dy_TO, ConstTensorView x_TI,
                       bool accumulate, TensorView dw_OI) const;
  /// As above, and db_O += the sum of dy_TO over its rows, in f32.
  void backward_weight(const Context& context, ConstTensorView dy_TO, ConstTensorView x_TI,
                       bool accumulate, TensorView dw_OI, TensorView db_O) const;

  /// Whether forward_gelu, backward_input_gelu, backward_weight with db_O are one product each.
  bool fuses_gelu() const { return forward_gelu_.has_value(); }
  bool fuses_gelu_gradient() const { return backward_input_gelu_.has_value(); }
  bool fuses_bias_gradient(bool accumulate) const { return bias_gradient(accumulate).has_value(); }

 private:
  const std::optional<GemmPlan>& bias_gradient(bool accumulate) const {
    return accumulate ? backward_weight_bias_piece_ : backward_weight_bias_first_;
  }
  size_t bias_gradient_bytes() const;
  /// Of a bias gradient before it is added.
  size_t bias_sum_bytes() const;
  bool splits_outputs() const { return backward_input_piece_ != nullptr; }
  void backward_input_pieces(const Context& context, ConstTensorView dy_TO, ConstTensorView w_OI,
                             TensorView dx_TI) const;

  int64_t tokens_;
  int64_t in_;
  int64_t out_;
  DType dtype_;
  LinearEpilogues epilogues_;
  GemmPlan forward_;
  GemmPlan backward_input_;                         ///< of all outputs, or of the first piece
  std::unique_ptr<GemmPlan> backward_input_piece_;  ///< adds a further piece
  std::unique_ptr<GemmPlan> backward_input_rest_;   ///< adds the last, smaller piece
  GemmPlan backward_weight_first_;                  ///< writes what the pieces add to
  GemmPlan backward_weight_piece_;
  std::unique_ptr<GemmPlan> backward_weight_rest_;
  std::optional<GemmPlan> forward_gelu_;
  std::optional<GemmPlan> backward_input_gelu_;
  std::optional<GemmPlan> backward_weight_bias_first_;
  std::optional<GemmPlan> backward_weight_bias_piece_;
};

}  // namespace weft::kernels
