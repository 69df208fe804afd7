#pragma once

#include "weft/kernels/context.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::kernels {

/// out_SBH[s, b] = word_VH[tokens_BS[b, s]] + position_PH[positions_BS[b, s]]. Ids are i64 and
/// within range, which only the CPU checks; `position_PH` may be empty. The tables are of one type,
/// out of the same or f32.
void embedding_forward(const Context& context, ConstTensorView word_VH, ConstTensorView position_PH,
                       ConstTensorView tokens_BS, ConstTensorView positions_BS, TensorView out_SBH);

/// Throws Error{internal} unless every one of `ids` (i64, on the host) is a row of a table of
/// `rows`: a wrong one comes from the data, and would read or write elsewhere. Kernels of the CPU
/// check theirs; before those of a GPU the caller does.
void check_ids(const char* what, const ConstTensorView& ids, int64_t rows);

/// table_RH[ids_BS[b, s]] += dout_SBH[s, b], added in token order (b, s) for every row, whatever
/// the number of threads. A GPU adds a row's tokens to each other before it adds them to the table.
/// Needs embedding_backward_workspace(stream, T, R) bytes of workspace.
void embedding_backward(const Context& context, ConstTensorView dout_SBH, ConstTensorView ids_BS,
                        TensorView dtable_RH);
/// None on the CPU; on a GPU what sorts the tokens by id.
size_t embedding_backward_workspace(const Stream& stream, int64_t tokens, int64_t rows);

}  // namespace weft::kernels
