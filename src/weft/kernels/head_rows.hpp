#pragma once

#include "weft/kernels/context.hpp"
#include "weft/kernels/head_layout.hpp"
#include "weft/tensor/tensor.hpp"

// Shape suffix R: rows of one head each, in the order (token, head): T N for queries, T G for keys.

namespace weft::kernels {

/// The part of qkv that is taken apart.
enum class HeadPart : uint8_t { queries, keys };

/// Rows that a part of `tokens` tokens has.
int64_t num_head_rows(const HeadLayout& layout, HeadPart part, int64_t tokens);

/// Copies the heads of `part` from qkv_TQ to the rows of rows_RD.
void gather_heads(const Context& context, const HeadLayout& layout, HeadPart part,
                  ConstTensorView qkv_TQ, TensorView rows_RD);

/// Copies rows_RD to their places in qkv_TQ.
void scatter_heads(const Context& context, const HeadLayout& layout, HeadPart part,
                   ConstTensorView rows_RD, TensorView qkv_TQ);

}  // namespace weft::kernels
