#pragma once

#include "weft/kernels/dropout_kernel.hpp"
#include "weft/kernels/norm_kernels.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// add_norm_forward (add_norm.hpp) for GPU threads. Norm is LayerNormForwardRow or
/// RmsNormForwardRow, whose x_TH is not read: its rows are those that `sum` writes. X is the type
/// of the residual stream.
template <typename T, typename X, template <typename, typename> typename Norm>
struct AddNormRow {
  DropoutRowKernel<T, X> sum;
  Norm<T, X> norm;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    norm.normalize(block, row, sum.add(block, row));
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
