#include "weft/kernels/dropout.hpp"

#include "weft/kernels/dropout_cuda.cuh"
#include "weft/kernels/element.hpp"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

namespace {

/// What every element's factor is drawn from, beside the rows. samples_B is of device memory.
template <typename In, typename Out>
void run_rows(const Context& context, const Dropout& dropout, const Shape& shape,
              DropoutRowKernel<In, Out> kernel) {
  kernel.samples_B = dropout.active() ? dropout.samples_B.data() : nullptr;
  kernel.microbatch = shape[1];
  kernel.hidden = shape[2];
  kernel.key = dropout.key;
  kernel.threshold = dropout.threshold;
  kernel.scale = dropout.scale;
  check_launch("dropout", run(queue_of(context.stream).get(), kernel, shape.num_rows()));
}

}  // namespace

void dropout_forward(const Context& context, const Dropout& dropout, ConstTensorView x_SBH,
                     TensorView y_SBH) {
  if (!dropout.active() && x_SBH.dtype() == y_SBH.dtype()) {
    if (x_SBH.raw() == y_SBH.raw()) return;
    check_launch("dropout",
                 cudaMemcpyAsync(y_SBH.raw(), x_SBH.raw(), x_SBH.size_bytes(),
                                 cudaMemcpyDeviceToDevice, queue_of(context.stream).get()));
    return;
  }
  with_stream_type(x_SBH.dtype(), y_SBH.dtype(), [&]<typename X, typename T>(X, T) {
    DropoutRowKernel<X, T> kernel{};
    kernel.x_SBH = x_SBH.data<X>();
    kernel.y_SBH = y_SBH.data<T>();
    run_rows(context, dropout, x_SBH.shape(), kernel);
  });
}

void bias_dropout_add_forward(const Context& context, const Dropout& dropout, ConstTensorView x_SBH,
                              ConstTensorView bias_H, ConstTensorView residual_SBH,
                              TensorView y_SBH) {
  with_stream_type(residual_SBH.dtype(), x_SBH.dtype(), [&]<typename X, typename T>(X, T) {
    DropoutRowKernel<T, X> kernel{};
    kernel.x_SBH = x_SBH.data<T>();
    kernel.bias_H = bias_H.empty() ? nullptr : bias_H.data<T>();
    kernel.residual_SBH = residual_SBH.data<X>();
    kernel.y_SBH = y_SBH.data<X>();
    run_rows(context, dropout, x_SBH.shape(), kernel);
  });
}

}  // namespace weft::kernels::cuda
