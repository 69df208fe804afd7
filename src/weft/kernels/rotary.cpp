#include "weft/kernels/rotary.hpp"

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/kernel_table.hpp"

namespace weft::kernels {

namespace {

void check_sizes(const HeadLayout& layout, const ConstTensorView& cos_SF,
                 const ConstTensorView& sin_SF, const ConstTensorView& qkv_SBQ) {
  const int64_t sequence = qkv_SBQ.shape()[0];
  const int64_t frequencies = cos_SF.shape().last();
  check(2 * frequencies <= layout.head_dim, ErrorKind::internal,
        "{} rotary frequencies in heads of {}; expected at most half as many", frequencies,
        layout.head_dim);
  check_size("cos_SF", cos_SF, sequence * frequencies);
  check_size("sin_SF", sin_SF, sequence * frequencies);
  check_element_type("qkv_SBQ", qkv_SBQ);
  const int64_t tokens = qkv_SBQ.num_elements() / layout.qkv_width();
  check_size("qkv_SBQ", qkv_SBQ, tokens * layout.qkv_width(), qkv_SBQ.dtype());
}

}  // namespace

void rotary_forward(const Context& context, const HeadLayout& layout, RotaryPairs pairs,
                    ConstTensorView cos_SF, ConstTensorView sin_SF, TensorView qkv_SBQ) {
  const TimedKernel timed(context.stream, "rotary");
  check_sizes(layout, cos_SF, sin_SF, qkv_SBQ);
  kernel_table(context.stream).rotary_forward(context, layout, pairs, cos_SF, sin_SF, qkv_SBQ);
}

void rotary_backward(const Context& context, const HeadLayout& layout, RotaryPairs pairs,
                     ConstTensorView cos_SF, ConstTensorView sin_SF, TensorView dqkv_SBQ) {
  const TimedKernel timed(context.stream, "rotary");
  check_sizes(layout, cos_SF, sin_SF, dqkv_SBQ);
  kernel_table(context.stream).rotary_backward(context, layout, pairs, cos_SF, sin_SF, dqkv_SBQ);
}

}  // namespace weft::kernels
