#include "weft/kernels/elementwise.hpp"

#include "weft/kernels/column_sum_cuda.cuh"
#include "weft/kernels/element.hpp"
#include "weft/kernels/elementwise_cuda.cuh"
#include "weft/kernels/kernel_queue.cuh"
#include "weft/kernels/optimizer_cuda.cuh"

namespace weft::kernels::cuda {

void fill_zero(const Context& context, TensorView y) {
  check_launch("fill_zero",
               cudaMemsetAsync(y.raw(), 0, y.size_bytes(), queue_of(context.stream).get()));
}

void convert(const Context& context, ConstTensorView x, TensorView y) {
  const cudaStream_t stream = queue_of(context.stream).get();
  if (x.dtype() == y.dtype()) {
    check_launch("convert", cudaMemcpyAsync(y.raw(), x.raw(), x.size_bytes(),
                                            cudaMemcpyDeviceToDevice, stream));
    return;
  }
  with_type(x.dtype(), [&]<typename From>(From) {
    with_type(y.dtype(), [&]<typename To>(To) {
      const ConvertKernel<From, To> kernel{.x = x.data<From>(), .y = y.data<To>()};
      check_launch("convert", run(stream, kernel, x.num_elements()));
    });
  });
}

void convert_rows(const Context& context, ConstTensorView x, int64_t x_stride, TensorView y_MN) {
  const cudaStream_t stream = queue_of(context.stream).get();
  const int64_t columns = y_MN.shape().last();
  if (x.dtype() == y_MN.dtype()) {
    const size_t element = size_of(x.dtype());
    const size_t width = static_cast<size_t>(columns) * element;
    check_launch("convert_rows", cudaMemcpy2DAsync(y_MN.raw(), width, x.raw(),
                                                   static_cast<size_t>(x_stride) * element, width,
                                                   static_cast<size_t>(y_MN.shape().num_rows()),
                                                   cudaMemcpyDeviceToDevice, stream));
    return;
  }
  with_type(x.dtype(), [&]<typename From>(From) {
    with_type(y_MN.dtype(), [&]<typename To>(To) {
      const ConvertRowsKernel<From, To> kernel{
          .x = x.data<From>(), .y = y_MN.data<To>(), .columns = columns, .stride = x_stride};
      check_launch("convert_rows", run(stream, kernel, y_MN.num_elements()));
    });
  });
}

void add(const Context& context, ConstTensorView x, TensorView y) {
  with_type(y.dtype(), [&]<typename T>(T) {
    const AddKernel<T> kernel{.x = x.data<T>(), .y = y.data<T>()};
    check_launch("add", run(queue_of(context.stream).get(), kernel, y.num_elements()));
  });
}

void scale(const Context& context, float factor, TensorView y) {
  with_type(y.dtype(), [&]<typename T>(T) {
    const ScaleKernel<T> kernel{.factor = factor, .y = y.data<T>()};
    check_launch("scale", run(queue_of(context.stream).get(), kernel, y.num_elements()));
  });
}

void column_sum(const Context& context, ConstTensorView x_TN, TensorView y_N) {
  with_type(x_TN.dtype(), [&]<typename T>(T) {
    const ColumnChunks<ColumnTerm<T>> sums{
        .term = {.x_TN = x_TN.data<T>()},
        .partials = reinterpret_cast<float*>(context.workspace.data()),
        .rows = x_TN.shape().num_rows(),
        .columns = x_TN.shape().last()};
    check_launch("column_sum", run(queue_of(context.stream).get(), sums, {y_N.data<float>()}));
  });
}

void fill_normal(const Context& context, philox::Key key, uint64_t first_element, float mean,
                 float deviation, TensorView x) {
  const NormalKernel kernel{.key = key,
                            .first_element = first_element,
                            .mean = mean,
                            .deviation = deviation,
                            .x = x.data<float>()};
  check_launch("fill_normal", run(queue_of(context.stream).get(), kernel, x.num_elements()));
}

void fill_uniform(const Context& context, philox::Key key, uint64_t first_element, float centre,
                  float bound, TensorView x) {
  const UniformKernel kernel{.key = key,
                             .first_element = first_element,
                             .centre = centre,
                             .bound = bound,
                             .x = x.data<float>()};
  check_launch("fill_uniform", run(queue_of(context.stream).get(), kernel, x.num_elements()));
}

namespace {

/// Calls body(low) with what an optimizer step writes beside the f32 parameters: null of f32 when
/// there is nothing.
template <typename Body>
void with_low(const TensorView& low, const Body& body) {
  if (low.empty()) return body(static_cast<float*>(nullptr));
  with_type(low.dtype(), [&]<typename Low>(Low) { body(low.data<Low>()); });
}

}  // namespace

void adamw(const Context& context, const AdamWStep& step, GradScale grad_scale,
           ConstTensorView grad, TensorView param, TensorView exp_avg, TensorView exp_avg_sq,
           TensorView low) {
  with_low(low, [&]<typename Low>(Low* values) {
    const AdamWKernel<Low, AdamWStep> kernel{.step = step,
                                             .grad_scale = grad_scale,
                                             .grad = grad.data<float>(),
                                             .param = param.data<float>(),
                                             .exp_avg = exp_avg.data<float>(),
                                             .exp_avg_sq = exp_avg_sq.data<float>(),
                                             .low = values};
    check_launch("adamw", run(queue_of(context.stream).get(), kernel, param.num_elements()));
  });
}

void sgd(const Context& context, float learning_rate, float momentum, float weight_decay,
         bool first, GradScale grad_scale, ConstTensorView grad, TensorView param,
         TensorView buffer, TensorView low) {
  with_low(low, [&]<typename Low>(Low* values) {
    const SgdKernel<Low> kernel{.learning_rate = learning_rate,
                                .momentum = momentum,
                                .weight_decay = weight_decay,
                                .grad_scale = grad_scale,
                                .first = first,
                                .grad = grad.data<float>(),
                                .param = param.data<float>(),
                                .buffer = momentum == 0.0F ? nullptr : buffer.data<float>(),
                                .low = values};
    check_launch("sgd", run(queue_of(context.stream).get(), kernel, param.num_elements()));
  });
}

}  // namespace weft::kernels::cuda
