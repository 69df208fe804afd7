#pragma once

#include "weft/kernels/context.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::kernels {

/// out_SBH[s, b] = word_VH[tokens_BS[b, s]] + position_PH[positions_BS[b, s]]. Ids are i64 and
/// within range; `position_PH` may be empty. The tables are of one type, out of the same or f32.
void embedding_forward(const Context& context, ConstTensorView word_VH, ConstTensorView position_PH,
                       ConstTensorView tokens_BS, ConstTensorView positions_BS, TensorView out_SBH);

/// table_RH[ids_BS[b, s]] += dout_SBH[s, b], added in token order (b, s) for every row, whatever
/// the number of threads.
void embedding_backward(const Context& context, ConstTensorView dout_SBH, ConstTensorView ids_BS,
                        TensorView dtable_RH);

}  // namespace weft::kernels
