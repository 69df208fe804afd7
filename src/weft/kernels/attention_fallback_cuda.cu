// Our own attention on CUDA: the kernels of attention_fallback_kernels.hpp and
// attention_gradient_kernels.hpp for every element type and as many chunks as a head has.
#include "weft/kernels/attention_fallback_cuda.cuh"
#include "weft/kernels/attention_fallback_kernels.hpp"
#include "weft/kernels/attention_gradient_kernels.hpp"
#include "weft/kernels/attention_phases.cuh"
#include "weft/kernels/element_launch.cuh"

namespace weft::kernels::cuda {

namespace {

template <typename Kernel>
cudaError_t launch(cudaStream_t stream, const Kernel& kernel) {
  return launch_blocks<AttentionMemory, kBlockThreads>(stream, kernel);
}

template <int kChunks, typename T>
cudaError_t run_forward(cudaStream_t stream, const AttentionShape& shape,
                        const FallbackForward<T>& data) {
  return launch(stream, AttentionForwardTile<T, kChunks>{.shape = shape,
                                                         .qkv_SBQ = data.qkv_SBQ,
                                                         .out_SBO = data.out_SBO,
                                                         .lse_BNS = data.lse_BNS});
}

template <int kChunks, typename T>
cudaError_t run_backward(cudaStream_t stream, const AttentionShape& shape,
                         const FallbackBackward<T>& data) {
  const AttentionDelta<T> delta{.shape = shape,
                                .out_SBO = data.out_SBO,
                                .dout_SBO = data.dout_SBO,
                                .delta_BNS = data.delta_BNS};
  cudaError_t status = launch_elements<1>(stream, delta, delta.size(), false);
  if (status != cudaSuccess) return status;
  const AttentionGradientTile<T, kChunks> tile{.shape = shape,
                                               .inputs = {.qkv_SBQ = data.qkv_SBQ,
                                                          .dout_SBO = data.dout_SBO,
                                                          .lse_BNS = data.lse_BNS,
                                                          .delta_BNS = data.delta_BNS}};
  status = launch(stream, AttentionQueryGradientTile<T, kChunks>{tile, data.dqkv_SBQ});
  if (status != cudaSuccess) return status;
  return launch(stream, AttentionKeyGradientTile<T, kChunks>{tile, data.dqkv_SBQ});
}

}  // namespace

template <typename T>
cudaError_t run(cudaStream_t stream, const AttentionShape& shape, const FallbackForward<T>& data) {
  const int64_t dim = shape.layout.head_dim;
  if (dim <= kTile) return run_forward<1>(stream, shape, data);
  if (dim <= 2 * kTile) return run_forward<2>(stream, shape, data);
  return run_forward<4>(stream, shape, data);
}

template <typename T>
cudaError_t run(cudaStream_t stream, const AttentionShape& shape, const FallbackBackward<T>& data) {
  const int64_t dim = shape.layout.head_dim;
  if (dim <= kTile) return run_backward<1>(stream, shape, data);
  if (dim <= 2 * kTile) return run_backward<2>(stream, shape, data);
  return run_backward<4>(stream, shape, data);
}

template cudaError_t run(cudaStream_t, const AttentionShape&, const FallbackForward<float>&);
template cudaError_t run(cudaStream_t, const AttentionShape&, const FallbackForward<BFloat16>&);
template cudaError_t run(cudaStream_t, const AttentionShape&, const FallbackForward<Float16>&);
template cudaError_t run(cudaStream_t, const AttentionShape&, const FallbackBackward<float>&);
template cudaError_t run(cudaStream_t, const AttentionShape&, const FallbackBackward<BFloat16>&);
template cudaError_t run(cudaStream_t, const AttentionShape&, const FallbackBackward<Float16>&);

}  // namespace weft::kernels::cuda
