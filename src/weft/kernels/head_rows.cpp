#include "weft/kernels/head_rows.hpp"

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/kernel_table.hpp"

namespace weft::kernels {

namespace {

void check_sizes(const HeadLayout& layout, HeadPart part, const ConstTensorView& qkv_TQ,
                 const ConstTensorView& rows_RD) {
  const int64_t tokens = qkv_TQ.num_elements() / layout.qkv_width();
  check_element_type("qkv_TQ", qkv_TQ);
  check_size("qkv_TQ", qkv_TQ, tokens * layout.qkv_width(), qkv_TQ.dtype());
  check_size("rows_RD", rows_RD, num_head_rows(layout, part, tokens) * layout.head_dim,
             qkv_TQ.dtype());
}

}  // namespace

int64_t num_head_rows(const HeadLayout& layout, HeadPart part, int64_t tokens) {
  return tokens * (part == HeadPart::queries ? layout.heads : layout.groups);
}

void gather_heads(const Context& context, const HeadLayout& layout, HeadPart part,
                  ConstTensorView qkv_TQ, TensorView rows_RD) {
  const TimedKernel timed(context.stream, "head copies");
  check_sizes(layout, part, qkv_TQ, rows_RD);
  kernel_table(context.stream).gather_heads(context, layout, part, qkv_TQ, rows_RD);
}

void scatter_heads(const Context& context, const HeadLayout& layout, HeadPart part,
                   ConstTensorView rows_RD, TensorView qkv_TQ) {
  const TimedKernel timed(context.stream, "head copies");
  check_sizes(layout, part, qkv_TQ, rows_RD);
  kernel_table(context.stream).scatter_heads(context, layout, part, rows_RD, qkv_TQ);
}

}  // namespace weft::kernels
