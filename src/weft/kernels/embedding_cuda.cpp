#include "weft/kernels/embedding.hpp"

#include "weft/kernels/element.hpp"
#include "weft/kernels/embedding_cuda.cuh"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

void embedding_forward(const Context& context, ConstTensorView word_VH, ConstTensorView position_PH,
                       ConstTensorView tokens_BS, ConstTensorView positions_BS,
                       TensorView out_SBH) {
  const bool with_position = !position_PH.empty();
  with_stream_type(out_SBH.dtype(), word_VH.dtype(), [&]<typename X, typename T>(X, T) {
    const EmbeddingForwardRow<T, X> kernel{
        .word_VH = word_VH.data<T>(),
        .position_PH = with_position ? position_PH.data<T>() : nullptr,
        .tokens_BS = tokens_BS.data<int64_t>(),
        .positions_BS = with_position ? positions_BS.data<int64_t>() : nullptr,
        .out_SBH = out_SBH.data<X>(),
        .sequence = out_SBH.shape()[0],
        .microbatch = out_SBH.shape()[1],
        .hidden = out_SBH.shape()[2]};
    check_launch("embedding_forward",
                 run(queue_of(context.stream).get(), kernel, out_SBH.shape().num_rows()));
  });
}

void embedding_backward(const Context& context, ConstTensorView dout_SBH, ConstTensorView ids_BS,
                        TensorView dtable_RH) {
  const cudaStream_t stream = queue_of(context.stream).get();
  const int64_t tokens = dout_SBH.shape().num_rows();
  const int64_t rows = dtable_RH.shape()[0];
  auto* unsorted = reinterpret_cast<int32_t*>(context.workspace.data());
  const TokenSort sort{.ids_BS = ids_BS.data<int64_t>(),
                       .ends_R = unsorted + 2 * tokens,
                       .unsorted_T = unsorted,
                       .sorted_T = unsorted + tokens,
                       .tokens = tokens,
                       .rows = rows};
  check_launch("embedding_backward", run(stream, sort));
  with_type(dout_SBH.dtype(), [&]<typename T>(T) {
    const EmbeddingGradientRow<T> kernel{.sort = sort,
                                         .dout_SBH = dout_SBH.data<T>(),
                                         .dtable_RH = dtable_RH.data<float>(),
                                         .sequence = dout_SBH.shape()[0],
                                         .microbatch = dout_SBH.shape()[1],
                                         .hidden = dout_SBH.shape()[2]};
    check_launch("embedding_backward", run(stream, kernel));
  });
}

}  // namespace weft::kernels::cuda
