#include "weft/kernels/activation.hpp"

#include "weft/kernels/activation_math.hpp"
#include "weft/kernels/element_loops.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

// Forward may run in place and backward may overwrite dy: every element is read before it is
// written.
template <typename Function, typename T>
void forward_loop(int64_t size, const T* x, T* y) {
  store_all(size, y, [=](int64_t i) { return Function::forward(load(x[i])); });
}

template <typename Function, typename T>
void backward_loop(int64_t size, const T* dy, const T* x, T* dx) {
  store_all(size, dx, [=](int64_t i) { return load(dy[i]) * Function::derivative(load(x[i])); });
}

template <typename T>
void swiglu_forward(int64_t tokens, int64_t width, const T* x_all, T* y_all) {
  parallel_rows(tokens, width, [=](int64_t token) {
    const T* gate = x_all + token * 2 * width;
    const T* up = gate + width;
    store_row(width, y_all + token * width,
              [=](int64_t i) { return SwiGlu::forward(load(gate[i]), load(up[i])); });
  });
}

template <typename T>
void swiglu_backward(int64_t tokens, int64_t width, const T* dy_all, const T* x_all, T* dx_all) {
  parallel_rows(tokens, width, [=](int64_t token) {
    const T* __restrict dy = dy_all + token * width;
    const T* __restrict gate = x_all + token * 2 * width;
    const T* __restrict up = gate + width;
    T* __restrict d_gate = dx_all + token * 2 * width;
    T* __restrict d_up = d_gate + width;
    for (int64_t i = 0; i < width; ++i) {
      const float x = load(gate[i]);
      d_gate[i] = store<T>(load(dy[i]) * SwiGlu::gate_derivative(x, load(up[i])));
      d_up[i] = store<T>(load(dy[i]) * SwiGlu::up_derivative(x));
    }
  });
}

template <typename T>
void forward(Activation activation, ConstTensorView x_TG, TensorView y_TF) {
  const int64_t size = x_TG.num_elements();
  const T* x = x_TG.data<T>();
  T* y = y_TF.data<T>();
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

template <typename T>
void backward(Activation activation, ConstTensorView dy_TF, ConstTensorView x_TG,
              TensorView dx_TG) {
  const int64_t size = x_TG.num_elements();
  const T* dy = dy_TF.data<T>();
  const T* x = x_TG.data<T>();
  T* dx = dx_TG.data<T>();
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

}  // namespace

void activation_forward(const Context& /*context*/, Activation activation, ConstTensorView x_TG,
                        TensorView y_TF) {
  with_type(x_TG.dtype(), [&]<typename T>(T) { forward<T>(activation, x_TG, y_TF); });
}

void activation_backward(const Context& /*context*/, Activation activation, ConstTensorView dy_TF,
                         ConstTensorView x_TG, TensorView dx_TG) {
  with_type(x_TG.dtype(), [&]<typename T>(T) { backward<T>(activation, dy_TF, x_TG, dx_TG); });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
