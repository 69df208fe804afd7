#include "weft/kernels/activation.hpp"
#include "weft/kernels/activation_math.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/parallel.hpp"

namespace weft::kernels {

namespace {

// Forward may run in place and backward may overwrite dy, so the pointers are not __restrict; the
// loops carry no dependence because every element is read before it is written.
template <typename Function>
void forward_loop(int64_t size, const float* x, float* y) {
  parallel_pieces(size, kElementPiece, [=](int64_t begin, int64_t end) {
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) y[i] = Function::forward(x[i]);
  });
}

template <typename Function>
void backward_loop(int64_t size, const float* dy, const float* x, float* dx) {
  parallel_pieces(size, kElementPiece, [=](int64_t begin, int64_t end) {
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) dx[i] = dy[i] * Function::derivative(x[i]);
  });
}

void swiglu_forward(int64_t tokens, int64_t width, const float* x_all, float* y_all) {
  parallel_pieces(tokens, rows_per_piece(width), [=](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      const float* __restrict gate = x_all + token * 2 * width;
      const float* __restrict up = gate + width;
      float* __restrict y = y_all + token * width;
      for (int64_t i = 0; i < width; ++i) y[i] = SwiGlu::forward(gate[i], up[i]);
    }
  });
}

void swiglu_backward(int64_t tokens, int64_t width, const float* dy_all, const float* x_all,
                     float* dx_all) {
  parallel_pieces(tokens, rows_per_piece(width), [=](int64_t begin, int64_t end) {
    for (int64_t token = begin; token < end; ++token) {
      const float* __restrict dy = dy_all + token * width;
      const float* __restrict gate = x_all + token * 2 * width;
      const float* __restrict up = gate + width;
      float* __restrict d_gate = dx_all + token * 2 * width;
      float* __restrict d_up = d_gate + width;
      for (int64_t i = 0; i < width; ++i) {
        d_gate[i] = dy[i] * SwiGlu::gate_derivative(gate[i], up[i]);
        d_up[i] = dy[i] * SwiGlu::up_derivative(gate[i]);
      }
    }
  });
}

}  // namespace

void activation_forward(const Context& /*context*/, Activation activation, ConstTensorView x_TG,
                        TensorView y_TF) {
  const int64_t size = x_TG.num_elements();
  const float* x = x_TG.data<float>();
  float* y = y_TF.data<float>();
  check_size("y_TF", y_TF, is_gated(activation) ? size / 2 : size);
  switch (activation) {
    case Activation::gelu_tanh:
      return forward_loop<GeluTanh>(size, x, y);
    case Activation::gelu_erf:
      return forward_loop<GeluErf>(size, x, y);
    case Activation::squared_relu:
      return forward_loop<SquaredRelu>(size, x, y);
    case Activation::swiglu:
      return swiglu_forward(x_TG.shape().num_rows(), y_TF.shape().last(), x, y);
  }
}

void activation_backward(const Context& /*context*/, Activation activation, ConstTensorView dy_TF,
                         ConstTensorView x_TG, TensorView dx_TG) {
  const int64_t size = x_TG.num_elements();
  const float* dy = dy_TF.data<float>();
  const float* x = x_TG.data<float>();
  float* dx = dx_TG.data<float>();
  check_size("dy_TF", dy_TF, is_gated(activation) ? size / 2 : size);
  check_size("dx_TG", dx_TG, size);
  switch (activation) {
    case Activation::gelu_tanh:
      return backward_loop<GeluTanh>(size, dy, x, dx);
    case Activation::gelu_erf:
      return backward_loop<GeluErf>(size, dy, x, dx);
    case Activation::squared_relu:
      return backward_loop<SquaredRelu>(size, dy, x, dx);
    case Activation::swiglu:
      return swiglu_backward(x_TG.shape().num_rows(), dy_TF.shape().last(), dy, x, dx);
  }
}

}  // namespace weft::kernels
