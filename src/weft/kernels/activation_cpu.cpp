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

}  // namespace

void activation_forward(const Context& /*context*/, Activation activation, ConstTensorView x,
                        TensorView y) {
  const int64_t size = x.num_elements();
  check_size("y", y, size);
  switch (activation) {
    case Activation::gelu_tanh:
      return forward_loop<GeluTanh>(size, x.data<float>(), y.data<float>());
    case Activation::gelu_erf:
      return forward_loop<GeluErf>(size, x.data<float>(), y.data<float>());
  }
}

void activation_backward(const Context& /*context*/, Activation activation, ConstTensorView dy,
                         ConstTensorView x, TensorView dx) {
  const int64_t size = x.num_elements();
  check_size("dy", dy, size);
  check_size("dx", dx, size);
  switch (activation) {
    case Activation::gelu_tanh:
      return backward_loop<GeluTanh>(size, dy.data<float>(), x.data<float>(), dx.data<float>());
    case Activation::gelu_erf:
      return backward_loop<GeluErf>(size, dy.data<float>(), x.data<float>(), dx.data<float>());
  }
}

}  // namespace weft::kernels
