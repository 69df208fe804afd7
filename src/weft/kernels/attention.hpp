#pragma once

#include <memory>

#include "weft/kernels/context.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::kernels {

/// Sizes of causal self-attention. Megatron's layout (reference/megatron.md 4.3): the feature dim
/// of qkv holds, for each query group, (heads / groups) * head_dim of Q, then head_dim of K and of
/// V.
struct AttentionSpec {
  int64_t sequence = 0;    ///< S
  int64_t microbatch = 0;  ///< B
  int64_t heads = 0;       ///< N
  int64_t groups = 0;      ///< G; equal to heads without grouped queries
  int64_t head_dim = 0;    ///< D
  DType dtype = DType::f32;
  double dropout = 0.0;        ///< rate that forward and backward are given, or 0 when evaluating
  bool deterministic = false;  ///< a GPU's backward gives equal bits, for memory of S^2 a head

  /// Features of qkv: (N + 2 G) * D.
  int64_t qkv_width() const { return (heads + 2 * groups) * head_dim; }
  /// Features of the output: N * D.
  int64_t out_width() const { return heads * head_dim; }
};

/// What the products of attention multiply; they always accumulate in f32.
enum class TileProducts : uint8_t {
  f32,   ///< every element type, converted to f32
  bf16,  ///< bf16 as it is, probabilities and score gradients rounded to it; needs v4
};

/// The products that run fastest here. AMD's Zen 4 and 5 multiply pairs of bf16 at twice the rate
/// of f32; Intel's cores without AMX at half of it, so that there bf16 is converted.
TileProducts fastest_products(const Stream& stream, DType dtype);

class AttentionBackend;

/// Causal softmax(Q K^T / sqrt(D)) V with dropout on the probabilities. Scores exist only as a tile
/// per thread; forward a head and backward a head group of a sample is one thread's work, so bits
/// do not depend on the number of threads. Dropout's element index within a sample is (head * S +
/// query) * S + key.
///
/// Documents within a sample are kept apart by starts_BS, i64: the first key that each query sees,
/// at most the query itself and never falling along the sequence. Tiles before it are left out.
/// Empty, every query sees all keys up to its own.
///
/// On a GPU bf16 and f16 run on cuDNN where it can, whose dropout draws other masks, and everything
/// else on our own kernels.
class AttentionPlan {
 public:
  AttentionPlan(const Stream& stream, const AttentionSpec& spec);
  AttentionPlan(const Stream& stream, const AttentionSpec& spec, TileProducts products);
  ~AttentionPlan();
  AttentionPlan(AttentionPlan&&) noexcept;
  AttentionPlan& operator=(AttentionPlan&&) noexcept;

  size_t workspace_bytes() const;
  /// Writes out_SB(ND) and lse_BNS, the log of each query's sum of exponentials.
  void forward(const Context& context, const Dropout& dropout, ConstTensorView qkv_SBQ,
               TensorView out_SBO, TensorView lse_BNS, ConstTensorView starts_BS = {}) const;
  /// Writes dqkv_SBQ from dout_SBO and what forward saved.
  void backward(const Context& context, const Dropout& dropout, ConstTensorView dout_SBO,
                ConstTensorView qkv_SBQ, ConstTensorView out_SBO, ConstTensorView lse_BNS,
                TensorView dqkv_SBQ, ConstTensorView starts_BS = {}) const;

 private:
  AttentionSpec spec_;
  std::unique_ptr<AttentionBackend> backend_;
};

/// Keys and values of the tokens generated so far in one layer: [capacity, G, D] each.
struct KeyValueCache {
  TensorView keys_CGD;
  TensorView values_CGD;
};

/// Attention of `S` new tokens of one sample (qkv_SQ) that follow `past` cached ones: appends their
/// keys and values to the cache and writes out_SO. All are of one element type.
void attention_with_cache(const Context& context, int64_t heads, int64_t groups, int64_t head_dim,
                          ConstTensorView qkv_SQ, int64_t past, const KeyValueCache& cache,
                          TensorView out_SO);

}  // namespace weft::kernels
