#include "weft/kernels/head_rows.hpp"

#include <cstring>

#include "weft/kernels/parallel.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

/// Calls copy(byte in qkv, byte in rows, bytes) for every run of neighbouring heads: a group's
/// queries, or its key.
template <typename Copy>
void for_each_run(const HeadLayout& layout, HeadPart part, ConstTensorView qkv_TQ,
                  const Copy& copy) {
  const bool queries = part == HeadPart::queries;
  const auto element = static_cast<int64_t>(size_of(qkv_TQ.dtype()));
  const int64_t count = (queries ? layout.heads_per_group() : 1) * layout.head_dim * element;
  const int64_t first = queries ? 0 : layout.heads_per_group() * layout.head_dim * element;
  const int64_t stride = layout.group_width() * element;
  const int64_t groups = layout.groups;
  const int64_t tokens = qkv_TQ.num_elements() / layout.qkv_width();
  parallel_rows(tokens, layout.qkv_width(), [=](int64_t token) {
    for (int64_t run = token * groups; run < (token + 1) * groups; ++run) {
      copy(run * stride + first, run * count, count);
    }
  });
}

}  // namespace

void gather_heads(const Context& /*context*/, const HeadLayout& layout, HeadPart part,
                  ConstTensorView qkv_TQ, TensorView rows_RD) {
  const auto* qkv = static_cast<const std::byte*>(qkv_TQ.raw());
  auto* rows = static_cast<std::byte*>(rows_RD.raw());
  for_each_run(layout, part, qkv_TQ, [=](int64_t from, int64_t to, int64_t bytes) {
    std::memcpy(rows + to, qkv + from, static_cast<size_t>(bytes));
  });
}

void scatter_heads(const Context& /*context*/, const HeadLayout& layout, HeadPart part,
                   ConstTensorView rows_RD, TensorView qkv_TQ) {
  const auto* rows = static_cast<const std::byte*>(rows_RD.raw());
  auto* qkv = static_cast<std::byte*>(qkv_TQ.raw());
  for_each_run(layout, part, qkv_TQ, [=](int64_t to, int64_t from, int64_t bytes) {
    std::memcpy(qkv + to, rows + from, static_cast<size_t>(bytes));
  });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
