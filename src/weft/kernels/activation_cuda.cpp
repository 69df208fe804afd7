#include "weft/kernels/activation.hpp"

#include "weft/kernels/activation_cuda.cuh"
#include "weft/kernels/element.hpp"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

namespace {

/// Calls body with the formulas of an activation of single elements.
template <typename Body>
void with_formulas(Activation activation, const Body& body) {
  switch (activation) {
    case Activation::gelu_tanh:
      return body(GeluTanh{});
    case Activation::gelu_erf:
      return body(GeluErf{});
    default:
      return body(SquaredRelu{});
  }
}

}  // namespace

void activation_forward(const Context& context, Activation activation, ConstTensorView x_TG,
                        TensorView y_TF) {
  const cudaStream_t stream = queue_of(context.stream).get();
  with_type(x_TG.dtype(), [&]<typename T>(T) {
    const T* x = x_TG.data<T>();
    T* y = y_TF.data<T>();
    if (activation == Activation::swiglu) {
      const SwiGluForwardRow<T> kernel{.x_TG = x, .y_TF = y, .width = x_TG.shape().last() / 2};
      check_launch("activation_forward", run(stream, kernel, x_TG.shape().num_rows()));
      return;
    }
    with_formulas(activation, [&]<typename Math>(Math) {
      const ActivationForward<T, Math> kernel{.x = x, .y = y};
      check_launch("activation_forward", run(stream, kernel, x_TG.num_elements()));
    });
  });
}

void activation_backward(const Context& context, Activation activation, ConstTensorView dy_TF,
                         ConstTensorView x_TG, TensorView dx_TG) {
  const cudaStream_t stream = queue_of(context.stream).get();
  with_type(x_TG.dtype(), [&]<typename T>(T) {
    const T* dy = dy_TF.data<T>();
    const T* x = x_TG.data<T>();
    T* dx = dx_TG.data<T>();
    if (activation == Activation::swiglu) {
      const SwiGluGradientRow<T> kernel{
          .dy_TF = dy, .x_TG = x, .dx_TG = dx, .width = x_TG.shape().last() / 2};
      check_launch("activation_backward", run(stream, kernel, x_TG.shape().num_rows()));
      return;
    }
    with_formulas(activation, [&]<typename Math>(Math) {
      const ActivationGradient<T, Math> kernel{.dy = dy, .x = x, .dx = dx};
      check_launch("activation_backward", run(stream, kernel, x_TG.num_elements()));
    });
  });
}

}  // namespace weft::kernels::cuda
