#include "weft/kernels/add_norm.hpp"

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/kernel_table.hpp"

namespace weft::kernels {

void add_norm_forward(const Context& context, const BranchSum& sum, const RowNorm& norm) {
  const TimedKernel timed(context.stream, "residual, norm forward");
  check_branch_sum(sum.dropout, sum.x_SBH, sum.bias_H, sum.residual_SBH, sum.sum_SBH);
  const DType dtype = sum.x_SBH.dtype();
  const int64_t hidden = sum.x_SBH.shape()[2];
  const int64_t rows = sum.x_SBH.shape().num_rows();
  check_size("gamma_H", norm.gamma_H, hidden, dtype);
  if (!norm.beta_H.empty()) {
    check_size("beta_H", norm.beta_H, hidden, dtype);
    check_size("mean_T", norm.mean_T, rows);
  }
  check_size("y_TH", norm.y_TH, rows * hidden, dtype);
  check_size("rstd_T", norm.rstd_T, rows);
  kernel_table(context.stream).add_norm_forward(context, sum, norm);
}

}  // namespace weft::kernels
