#include <algorithm>

#include "weft/kernels/checks.hpp"
#include "weft/kernels/head_rows.hpp"
#include "weft/kernels/parallel.hpp"

namespace weft::kernels {

namespace {

/// Calls copy(in qkv, in rows, count) for every run of neighbouring heads: a group's queries, or
/// its key.
template <typename Copy>
void for_each_run(const HeadLayout& layout, HeadPart part, int64_t tokens, const Copy& copy) {
  const bool queries = part == HeadPart::queries;
  const int64_t count = (queries ? layout.heads_per_group() : 1) * layout.head_dim;
  const int64_t first = queries ? 0 : layout.heads_per_group() * layout.head_dim;
  parallel_pieces(tokens, rows_per_piece(layout.qkv_width()), [=](int64_t begin, int64_t end) {
    for (int64_t run = begin * layout.groups; run < end * layout.groups; ++run) {
      copy(run * layout.group_width() + first, run * count, count);
    }
  });
}

int64_t check_sizes(const HeadLayout& layout, HeadPart part, const ConstTensorView& qkv_TQ,
                    const ConstTensorView& rows_RD) {
  const int64_t tokens = qkv_TQ.num_elements() / layout.qkv_width();
  check_size("qkv_TQ", qkv_TQ, tokens * layout.qkv_width());
  check_size("rows_RD", rows_RD, num_head_rows(layout, part, tokens) * layout.head_dim);
  return tokens;
}

}  // namespace

int64_t num_head_rows(const HeadLayout& layout, HeadPart part, int64_t tokens) {
  return tokens * (part == HeadPart::queries ? layout.heads : layout.groups);
}

void gather_heads(const Context& /*context*/, const HeadLayout& layout, HeadPart part,
                  ConstTensorView qkv_TQ, TensorView rows_RD) {
  const int64_t tokens = check_sizes(layout, part, qkv_TQ, rows_RD);
  const float* qkv = qkv_TQ.data<float>();
  float* rows = rows_RD.data<float>();
  for_each_run(layout, part, tokens, [=](int64_t from, int64_t to, int64_t count) {
    std::copy_n(qkv + from, count, rows + to);
  });
}

void scatter_heads(const Context& /*context*/, const HeadLayout& layout, HeadPart part,
                   ConstTensorView rows_RD, TensorView qkv_TQ) {
  const int64_t tokens = check_sizes(layout, part, qkv_TQ, rows_RD);
  const float* rows = rows_RD.data<float>();
  float* qkv = qkv_TQ.data<float>();
  for_each_run(layout, part, tokens, [=](int64_t to, int64_t from, int64_t count) {
    std::copy_n(rows + from, count, qkv + to);
  });
}

}  // namespace weft::kernels
