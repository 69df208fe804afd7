#include "weft/kernels/activation.hpp"

#include "weft/kernels/activation_math.hpp"
#include "weft/kernels/element_loops.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

template <typename T>
void swiglu_forward(int64_t tokens, int64_t width, const T* x_all, T* y_all) {
  parallel_rows(tokens, width, [=](int64_t token) {
    const T* gates = x_all + token * 2 * width;
    map_row(
        width, y_all + token * width,
        [](float gate, float up) { return SwiGlu::forward(gate, up); }, gates, gates + width);
  });
}

template <typename T>
void swiglu_backward(int64_t tokens, int64_t width, const T* dy_all, const T* x_all, T* dx_all) {
  parallel_rows(tokens, width, [=](int64_t token) {
    const T* gates = x_all + token * 2 * width;
    T* d_gates = dx_all + token * 2 * width;
    map_row_to_two(
        width, d_gates, d_gates + width,
        [](float dy, float gate, float up) {
          return FloatPair{dy * SwiGlu::gate_derivative(gate, up),
                           dy * SwiGlu::up_derivative(gate)};
        },
        dy_all + token * width, gates, gates + width);
  });
}

template <typename T>
void forward(Activation activation, ConstTensorView x_TG, TensorView y_TF) {
  const int64_t size = x_TG.num_elements();
  const T* x = x_TG.data<T>();
  T* y = y_TF.data<T>();
  switch (activation) {
    case Activation::gelu_tanh:
      return map_all(
          size, y, [](float v) { return GeluTanh::forward(v); }, x);
    case Activation::gelu_erf:
      return map_all(
          size, y, [](float v) { return GeluErf::forward(v); }, x);
    case Activation::squared_relu:
      return map_all(
          size, y, [](float v) { return SquaredRelu::forward(v); }, x);
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
      return map_all(
          size, dx, [](float d, float v) { return d * GeluTanh::derivative(v); }, dy, x);
    case Activation::gelu_erf:
      return map_all(
          size, dx, [](float d, float v) { return d * GeluErf::derivative(v); }, dy, x);
    case Activation::squared_relu:
      return map_all(
          size, dx, [](float d, float v) { return d * SquaredRelu::derivative(v); }, dy, x);
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
