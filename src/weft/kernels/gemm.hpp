#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "weft/kernels/context.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::kernels {

/// One matrix product C = A B, with every size fixed.
struct GemmSpec {
  int64_t m = 0;
  int64_t n = 0;
  int64_t k = 0;
  bool transpose_a = false;  ///< A is stored [k, m] instead of [m, k]
  bool transpose_b = false;  ///< B is stored [n, k] instead of [k, n]
  bool accumulate = false;   ///< C += A B instead of C = A B
  bool bias = false;         ///< adds bias[n] to every row
  DType dtype = DType::f32;
};

/// A matrix product prepared once and run many times. Made on the thread that runs it, after
/// set_num_threads. fp32 results do not depend on the number of threads (reference/cpu.md 4).
class GemmPlan {
 public:
  GemmPlan(const Stream& stream, const GemmSpec& spec);
  ~GemmPlan();
  GemmPlan(GemmPlan&&) noexcept;
  GemmPlan& operator=(GemmPlan&&) noexcept;

  /// Bytes of Context::workspace that `run` needs.
  size_t workspace_bytes() const;
  /// C = A B (or C += A B) [+ bias]. `bias` is empty unless GemmSpec::bias.
  void run(const Context& context, ConstTensorView a, ConstTensorView b, TensorView c,
           ConstTensorView bias = {}) const;

  const GemmSpec& spec() const { return spec_; }

 private:
  struct Backend;
  GemmSpec spec_;
  std::unique_ptr<Backend> backend_;
};

/// The three products of a linear layer y_TO = x_TI w_OI^T + b_O. The weight gradient is summed
/// over pieces of at most 1024 tokens in order, so that its bits do not depend on the number of
/// threads (reference/cpu.md 4).
class LinearPlan {
 public:
  /// `tokens` rows, `in` and `out` features; with `bias` forward adds b_O.
  LinearPlan(const Stream& stream, int64_t tokens, int64_t in, int64_t out, bool bias,
             DType dtype = DType::f32);

  size_t workspace_bytes() const;
  /// y_TO = x_TI w_OI^T (+ bias_O).
  void forward(const Context& context, ConstTensorView x_TI, ConstTensorView w_OI,
               ConstTensorView bias_O, TensorView y_TO) const;
  /// dx_TI = dy_TO w_OI.
  void backward_input(const Context& context, ConstTensorView dy_TO, ConstTensorView w_OI,
                      TensorView dx_TI) const;
  /// dw_OI += dy_TO^T x_TI.
  void backward_weight(const Context& context, ConstTensorView dy_TO, ConstTensorView x_TI,
                       TensorView dw_OI) const;

 private:
  int64_t tokens_;
  int64_t in_;
  int64_t out_;
  GemmPlan forward_;
  GemmPlan backward_input_;
  GemmPlan backward_weight_piece_;
  std::unique_ptr<GemmPlan> backward_weight_rest_;
};

}  // namespace weft::kernels
