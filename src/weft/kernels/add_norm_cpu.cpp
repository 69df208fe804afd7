#include "weft/kernels/add_norm.hpp"

#include "weft/kernels/isa.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/rms_norm.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

decltype(kernels::bias_dropout_add_forward) bias_dropout_add_forward;
decltype(kernels::layer_norm_forward) layer_norm_forward;
decltype(kernels::rms_norm_forward) rms_norm_forward;

void add_norm_forward(const Context& context, const BranchSum& sum, const RowNorm& norm) {
  cpu::bias_dropout_add_forward(context, sum.dropout, sum.x_SBH, sum.bias_H, sum.residual_SBH,
                                sum.sum_SBH);
  if (norm.beta_H.empty()) {
    cpu::rms_norm_forward(context, sum.sum_SBH, norm.gamma_H, norm.constants, norm.y_TH,
                          norm.rstd_T);
    return;
  }
  cpu::layer_norm_forward(context, sum.sum_SBH, norm.gamma_H, norm.beta_H, norm.constants,
                          norm.y_TH, norm.mean_T, norm.rstd_T);
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
