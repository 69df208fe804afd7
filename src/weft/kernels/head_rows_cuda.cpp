#include "weft/kernels/head_rows.hpp"

#include "weft/kernels/head_rows_cuda.cuh"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

namespace {

/// Runs of neighbouring heads: a group's queries, or its key.
template <typename T>
void copy(const Context& context, const HeadLayout& layout, HeadPart part, const void* from,
          void* to, int64_t size, bool gather) {
  const bool queries = part == HeadPart::queries;
  const HeadRowsCopy<T> kernel{.from = static_cast<const T*>(from),
                               .to = static_cast<T*>(to),
                               .run = (queries ? layout.heads_per_group() : 1) * layout.head_dim,
                               .stride = layout.group_width(),
                               .start = queries ? 0 : layout.heads_per_group() * layout.head_dim,
                               .gather = gather};
  check_launch("head copies", run(queue_of(context.stream).get(), kernel, size));
}

}  // namespace

void gather_heads(const Context& context, const HeadLayout& layout, HeadPart part,
                  ConstTensorView qkv_TQ, TensorView rows_RD) {
  const auto copy_bits = size_of(qkv_TQ.dtype()) == 2 ? copy<uint16_t> : copy<uint32_t>;
  copy_bits(context, layout, part, qkv_TQ.raw(), rows_RD.raw(), rows_RD.num_elements(), true);
}

void scatter_heads(const Context& context, const HeadLayout& layout, HeadPart part,
                   ConstTensorView rows_RD, TensorView qkv_TQ) {
  const auto copy_bits = size_of(qkv_TQ.dtype()) == 2 ? copy<uint16_t> : copy<uint32_t>;
  copy_bits(context, layout, part, rows_RD.raw(), qkv_TQ.raw(), rows_RD.num_elements(), false);
}

}  // namespace weft::kernels::cuda
