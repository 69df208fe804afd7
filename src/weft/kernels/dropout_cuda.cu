// Dropout on CUDA: the kernel of dropout_kernel.hpp for every element type.
#include <type_traits>

#include "weft/kernels/dropout_cuda.cuh"
#include "weft/kernels/row_block.cuh"

namespace weft::kernels::cuda {

template <typename In, typename Out>
cudaError_t run(cudaStream_t stream, const DropoutRowKernel<In, Out>& kernel, int64_t rows) {
  using Narrow = std::conditional_t<(sizeof(In) < sizeof(Out)), In, Out>;
  const bool packs = packs_fit<Narrow>(kernel.hidden, kernel.x_SBH, kernel.bias_H,
                                       kernel.residual_SBH, kernel.y_SBH);
  return launch_held_rows<Narrow>(stream, kernel, rows, kernel.hidden, packs);
}

#define WEFT_DROPOUT(In, Out) \
  template cudaError_t run(cudaStream_t, const DropoutRowKernel<In, Out>&, int64_t);
WEFT_DROPOUT(float, float)
WEFT_DROPOUT(BFloat16, BFloat16)
WEFT_DROPOUT(Float16, Float16)
WEFT_DROPOUT(float, BFloat16)
WEFT_DROPOUT(float, Float16)
WEFT_DROPOUT(BFloat16, float)
WEFT_DROPOUT(Float16, float)
#undef WEFT_DROPOUT

}  // namespace weft::kernels::cuda
