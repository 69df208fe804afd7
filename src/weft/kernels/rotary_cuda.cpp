#include "weft/kernels/rotary.hpp"

#include "weft/kernels/element.hpp"
#include "weft/kernels/kernel_queue.cuh"
#include "weft/kernels/rotary_cuda.cuh"

namespace weft::kernels::cuda {

namespace {

void turn(const Context& context, const HeadLayout& layout, RotaryPairs pairs,
          ConstTensorView cos_SF, ConstTensorView sin_SF, float direction, TensorView qkv_SBQ) {
  const int64_t tokens = qkv_SBQ.num_elements() / layout.qkv_width();
  with_type(qkv_SBQ.dtype(), [&]<typename T>(T) {
    const RotaryRow<T> kernel{.qkv_SBQ = qkv_SBQ.data<T>(),
                              .cos_SF = cos_SF.data<float>(),
                              .sin_SF = sin_SF.data<float>(),
                              .layout = layout,
                              .microbatch = tokens / qkv_SBQ.shape()[0],
                              .frequencies = cos_SF.shape().last(),
                              .direction = direction,
                              .neighbours = pairs == RotaryPairs::neighbours};
    check_launch("rotary", run(queue_of(context.stream).get(), kernel, tokens));
  });
}

}  // namespace

void rotary_forward(const Context& context, const HeadLayout& layout, RotaryPairs pairs,
                    ConstTensorView cos_SF, ConstTensorView sin_SF, TensorView qkv_SBQ) {
  turn(context, layout, pairs, cos_SF, sin_SF, 1.0F, qkv_SBQ);
}

void rotary_backward(const Context& context, const HeadLayout& layout, RotaryPairs pairs,
                     ConstTensorView cos_SF, ConstTensorView sin_SF, TensorView dqkv_SBQ) {
  turn(context, layout, pairs, cos_SF, sin_SF, -1.0F, dqkv_SBQ);
}

}  // namespace weft::kernels::cuda
