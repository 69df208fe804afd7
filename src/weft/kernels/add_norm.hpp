#pragma once

#include "weft/kernels/dropout.hpp"
#include "weft/kernels/norm_constants.hpp"

// A branch joins the residual stream, whose norm the next branch starts with: one pass over the
// rows where a device can (reference/cuda.md 1.3, K1). Shape suffixes: S sequence, B microbatch, H
// hidden size, T = S B rows.

namespace weft::kernels {

/// sum_SBH = residual_SBH + dropout(x_SBH + bias_H), as bias_dropout_add_forward writes it.
struct BranchSum {
  Dropout dropout;
  ConstTensorView x_SBH;
  ConstTensorView bias_H;  ///< may be empty
  ConstTensorView residual_SBH;
  TensorView sum_SBH;
};

/// y_TH = the norm of rows, with its statistics: layer_norm_forward's, or without beta
/// rms_norm_forward's.
struct RowNorm {
  ConstTensorView gamma_H;
  ConstTensorView beta_H;  ///< empty for an RMS norm
  NormConstants constants;
  TensorView y_TH;
  TensorView mean_T;  ///< empty for an RMS norm
  TensorView rstd_T;
};

/// Writes the sum, rounded to the stream's type, and the norm of the rounded sum.
void add_norm_forward(const Context& context, const BranchSum& sum, const RowNorm& norm);

}  // namespace weft::kernels
