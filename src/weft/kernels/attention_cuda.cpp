// Attention on CUDA: cuDNN where it has plans, else our own kernels.
#include <algorithm>
#include <cmath>

#include "weft/kernels/attention_backend.hpp"
#include "weft/kernels/attention_cache_cuda.cuh"
#include "weft/kernels/attention_fallback_cuda.cuh"
#include "weft/kernels/cudnn_attention.hpp"
#include "weft/kernels/device_pieces.hpp"
#include "weft/kernels/element.hpp"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

namespace {

/// Whether every pointer is aligned as cuDNN's plans and our packs take it.
template <typename... Pointers>
bool aligned(const Pointers*... pointers) {
  return ((reinterpret_cast<uintptr_t>(pointers) % 16 == 0) && ...);
}

/// Sizes that cuDNN's attention has on some GPU.
bool cudnn_has(const AttentionSpec& spec) {
  return spec.dtype != DType::f32 && spec.head_dim % 8 == 0;
}

class CudaAttention final : public AttentionBackend {
 public:
  CudaAttention(const Stream& stream, const AttentionSpec& spec) : spec_(spec) {
    if (!cudnn_has(spec)) return;
    using Passes = CudnnAttention::Passes;
    const CudnnTarget target(queue_of(stream).cudnn());
    const CudnnPlanStore store(user_cache_directory(), queue_of(stream).device_name());
    const auto graphs = [&](double dropout) {
      return AttentionGraphSpec{spec, dropout, spec.deterministic};
    };
    // Evaluation drops nothing. A mask that forward draws on cuDNN only cuDNN draws again.
    const bool drops = spec.dropout > 0.0;
    plain_ = CudnnAttention::make(target, store, graphs(0.0),
                                  drops ? Passes::forward : Passes::forward_first);
    if (drops) dropped_ = CudnnAttention::make(target, store, graphs(spec.dropout), Passes::both);
  }

  size_t workspace_bytes() const override {
    DeviceSizes own;
    own.add(delta_bytes());
    size_t bytes = own.bytes();
    if (plain_ != nullptr) bytes = std::max(bytes, plain_->workspace_bytes());
    if (dropped_ != nullptr) bytes = std::max(bytes, dropped_->workspace_bytes());
    return bytes;
  }

  void forward(const Context& context, const Dropout& dropout, ConstTensorView qkv_SBQ,
               TensorView out_SBO, TensorView lse_BNS, ConstTensorView starts_BS) const override {
    if (const CudnnAttention* cudnn = cudnn_for(dropout, starts_BS)) {
      check_aligned(aligned(qkv_SBQ.raw(), out_SBO.raw(), lse_BNS.raw()));
      return cudnn->forward(context, dropout,
                            {.qkv_SBQ = bytes_at(qkv_SBQ),
                             .out_SBO = bytes_at(out_SBO),
                             .lse_BNS = lse_BNS.data<float>(),
                             .random = nullptr});
    }
    with_type(spec_.dtype, [&]<typename T>(T) {
      const FallbackForward<T> data{.qkv_SBQ = qkv_SBQ.data<T>(),
                                    .out_SBO = out_SBO.data<T>(),
                                    .lse_BNS = lse_BNS.data<float>()};
      const AttentionShape shape = shape_of(dropout, starts_BS, aligned(data.qkv_SBQ));
      check_launch("attention forward", run(queue_of(context.stream).get(), shape, data));
    });
  }

  void backward(const Context& context, const Dropout& dropout, ConstTensorView dout_SBO,
                ConstTensorView qkv_SBQ, ConstTensorView out_SBO, ConstTensorView lse_BNS,
                TensorView dqkv_SBQ, ConstTensorView starts_BS) const override {
    const CudnnAttention* cudnn = cudnn_for(dropout, starts_BS);
    if (cudnn != nullptr && cudnn->has_backward()) {
      check_aligned(
          aligned(dout_SBO.raw(), qkv_SBQ.raw(), out_SBO.raw(), lse_BNS.raw(), dqkv_SBQ.raw()));
      return cudnn->backward(context, dropout,
                             {.dout_SBO = bytes_at(dout_SBO),
                              .qkv_SBQ = bytes_at(qkv_SBQ),
                              .out_SBO = bytes_at(out_SBO),
                              .lse_BNS = lse_BNS.data<float>(),
                              .dqkv_SBQ = bytes_at(dqkv_SBQ),
                              .random = nullptr,
                              .delta = nullptr,
                              .dq_sum = nullptr});
    }
    DevicePieces pieces(context.workspace);
    auto* delta = pieces.take<float>(delta_bytes());
    with_type(spec_.dtype, [&]<typename T>(T) {
      const FallbackBackward<T> data{.dout_SBO = dout_SBO.data<T>(),
                                     .qkv_SBQ = qkv_SBQ.data<T>(),
                                     .out_SBO = out_SBO.data<T>(),
                                     .lse_BNS = lse_BNS.data<float>(),
                                     .dqkv_SBQ = dqkv_SBQ.data<T>(),
                                     .delta_BNS = delta};
      const AttentionShape shape =
          shape_of(dropout, starts_BS, aligned(data.qkv_SBQ, data.dout_SBO));
      check_launch("attention backward", run(queue_of(context.stream).get(), shape, data));
    });
  }

 private:
  static const std::byte* bytes_at(ConstTensorView view) {
    return static_cast<const std::byte*>(view.raw());
  }
  static void check_aligned(bool is_aligned) {
    check(is_aligned, ErrorKind::internal, "attention's tensors start at no multiple of 16 bytes");
  }
  /// Of our own backward: a float per query and head.
  size_t delta_bytes() const {
    return static_cast<size_t>(spec_.microbatch * spec_.heads * spec_.sequence) * sizeof(float);
  }
  /// The plans for this call; null for our own kernels.
  const CudnnAttention* cudnn_for(const Dropout& dropout, ConstTensorView starts_BS) const {
    if (!starts_BS.empty()) return nullptr;
    return dropout.active() ? dropped_.get() : plain_.get();
  }
  AttentionShape shape_of(const Dropout& dropout, ConstTensorView starts_BS,
                          bool is_aligned) const {
    return {.layout = {spec_.heads, spec_.groups, spec_.head_dim},
            .sequence = static_cast<int>(spec_.sequence),
            .microbatch = static_cast<int>(spec_.microbatch),
            .starts_BS = starts_BS.empty() ? nullptr : starts_BS.data<int64_t>(),
            .samples_B = dropout.samples_B.data(),
            .key = dropout.key,
            .threshold = dropout.threshold,
            .dropout_scale = dropout.scale,
            .scale = 1.0F / std::sqrt(static_cast<float>(spec_.head_dim)),
            .packs = is_aligned && spec_.head_dim % 4 == 0};
  }

  AttentionSpec spec_;
  std::unique_ptr<CudnnAttention> plain_;    ///< drops nothing
  std::unique_ptr<CudnnAttention> dropped_;  ///< drops spec_.dropout
};

}  // namespace

std::unique_ptr<AttentionBackend> make_attention(const Stream& stream, const AttentionSpec& spec) {
  return std::make_unique<CudaAttention>(stream, spec);
}

void attention_with_cache(const Context& context, int64_t heads, int64_t groups, int64_t head_dim,
                          ConstTensorView qkv_SQ, int64_t past, const KeyValueCache& cache,
                          TensorView out_SO) {
  with_type(qkv_SQ.dtype(), [&]<typename T>(T) {
    const HeadLayout layout{heads, groups, head_dim};
    const CacheAppend<T> append{.layout = layout,
                                .qkv_SQ = qkv_SQ.data<T>(),
                                .keys_CGD = cache.keys_CGD.data<T>(),
                                .values_CGD = cache.values_CGD.data<T>(),
                                .past = past};
    const CachedAttention<T> attention{.layout = layout,
                                       .qkv_SQ = qkv_SQ.data<T>(),
                                       .keys_CGD = cache.keys_CGD.data<T>(),
                                       .values_CGD = cache.values_CGD.data<T>(),
                                       .out_SO = out_SO.data<T>(),
                                       .tokens = qkv_SQ.num_elements() / layout.qkv_width(),
                                       .past = past,
                                       .scale = 1.0F / std::sqrt(static_cast<float>(head_dim))};
    check_launch("attention over a cache", run(queue_of(context.stream).get(), append, attention));
  });
}

}  // namespace weft::kernels::cuda
