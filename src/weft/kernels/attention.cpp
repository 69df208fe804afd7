#include "weft/kernels/attention.hpp"

#include <algorithm>

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/attention_backend.hpp"
#include "weft/kernels/attention_loops.hpp"
#include "weft/kernels/attention_scratch.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/cpu_kernels.hpp"
#include "weft/kernels/cuda_kernels.hpp"

namespace weft::kernels {

namespace {

constexpr int64_t kMaxHeadDim = 256;

void check_heads(int64_t heads, int64_t groups, int64_t head_dim) {
  check(heads > 0 && groups > 0 && heads % groups == 0, ErrorKind::internal,
        "{} attention heads do not divide into {} query groups", heads, groups);
  check(head_dim >= 1 && head_dim <= kMaxHeadDim, ErrorKind::internal,
        "attention head size {}; expected 1 to {}", head_dim, kMaxHeadDim);
}

void check_spec(const AttentionSpec& spec) {
  check(spec.sequence > 0 && spec.microbatch > 0, ErrorKind::internal,
        "attention over sequence {}, microbatch {}; each must be at least 1", spec.sequence,
        spec.microbatch);
  check_heads(spec.heads, spec.groups, spec.head_dim);
  check(spec.dtype == DType::f32 || spec.dtype == DType::bf16 || spec.dtype == DType::f16,
        ErrorKind::internal, "attention of {}; expected f32, bf16 or f16", name(spec.dtype));
}

void check_samples(const Dropout& dropout, int64_t microbatch) {
  check(!dropout.active() || dropout.samples_B.size() == static_cast<size_t>(microbatch),
        ErrorKind::internal, "dropout knows {} samples; the microbatch has {}",
        dropout.samples_B.size(), microbatch);
}

void check_starts_size(const ConstTensorView& starts_BS, const AttentionSpec& spec) {
  if (starts_BS.empty()) return;
  check_size("starts_BS", starts_BS, spec.microbatch * spec.sequence, DType::i64);
}

/// Starts come from the data: a wrong one would make the kernel read elsewhere.
void check_starts(const ConstTensorView& starts_BS, const AttentionSpec& spec) {
  if (starts_BS.empty()) return;
  const int64_t* starts = starts_BS.data<int64_t>();
  for (int64_t i = 0; i < spec.microbatch * spec.sequence; ++i) {
    const int64_t query = i % spec.sequence;
    const int64_t least = query == 0 ? 0 : starts[i - 1];
    check(starts[i] >= least && starts[i] <= query, ErrorKind::internal,
          "query {} sees keys from {} on; expected {} to {}", query, starts[i], least, query);
  }
}

}  // namespace

TileProducts fastest_products(const Stream& stream, DType dtype) {
  const bool possible = dtype == DType::bf16 && stream.instruction_set() == InstructionSet::v4;
  return possible && __builtin_cpu_is("amd") != 0 ? TileProducts::bf16 : TileProducts::f32;
}

namespace {

/// Our own kernels on the CPU.
class CpuAttention final : public AttentionBackend {
 public:
  CpuAttention(const AttentionSpec& spec, TileProducts products)
      : spec_(spec),
        products_(products),
        forward_(direction(spec.microbatch * spec.heads, false)),
        backward_(direction(spec.microbatch * spec.groups, true)) {}

  size_t workspace_bytes() const override { return std::max(forward_.bytes(), backward_.bytes()); }

  void forward(const Context& context, const Dropout& dropout, ConstTensorView qkv_SBQ,
               TensorView out_SBO, TensorView lse_BNS, ConstTensorView starts_BS) const override {
    check_starts(starts_BS, spec_);
    cpu_kernels(context.stream)
        .attention_forward(work(forward_, dropout, starts_BS, context),
                           {qkv_SBQ.raw(), out_SBO.raw(), lse_BNS.data<float>()});
  }

  void backward(const Context& context, const Dropout& dropout, ConstTensorView dout_SBO,
                ConstTensorView qkv_SBQ, ConstTensorView out_SBO, ConstTensorView lse_BNS,
                TensorView dqkv_SBQ, ConstTensorView starts_BS) const override {
    check_starts(starts_BS, spec_);
    cpu_kernels(context.stream)
        .attention_backward(
            work(backward_, dropout, starts_BS, context),
            {dout_SBO.raw(), qkv_SBQ.raw(), out_SBO.raw(), lse_BNS.data<float>(), dqkv_SBQ.raw()});
  }

 private:
  /// How a direction shares its work and the memory that it needs for that.
  struct Direction {
    int threads = 1;
    size_t bytes_per_thread = 0;

    size_t bytes() const { return static_cast<size_t>(threads) * bytes_per_thread; }
  };

  Direction direction(int64_t items, bool backward) const {
    return {static_cast<int>(std::min<int64_t>(num_threads(), items)),
            products_ == TileProducts::bf16 ? scratch_bytes<BFloat16Pair>(spec_, backward)
                                            : scratch_bytes<float>(spec_, backward)};
  }

  AttentionWork work(const Direction& direction, const Dropout& dropout,
                     const ConstTensorView& starts_BS, const Context& context) const {
    return {spec_,
            dropout,
            starts_BS.empty() ? nullptr : starts_BS.data<int64_t>(),
            products_,
            direction.threads,
            context.workspace.data(),
            direction.bytes_per_thread};
  }

  AttentionSpec spec_;
  TileProducts products_;
  Direction forward_;
  Direction backward_;
};

}  // namespace

AttentionPlan::AttentionPlan(const Stream& stream, const AttentionSpec& spec) : spec_(spec) {
  check_spec(spec);
  if (stream.queue() != nullptr) {
    backend_ = stream.queue()->kernels().make_attention(stream, spec);
  } else {
    backend_ = std::make_unique<CpuAttention>(spec, fastest_products(stream, spec.dtype));
  }
}

AttentionPlan::AttentionPlan(const Stream& stream, const AttentionSpec& spec, TileProducts products)
    : spec_(spec) {
  check_spec(spec);
  check(products == TileProducts::f32 ||
            (spec.dtype == DType::bf16 && stream.instruction_set() == InstructionSet::v4),
        ErrorKind::internal, "products of bf16 pairs for attention of {} on {}", name(spec.dtype),
        name(stream.instruction_set()));
  backend_ = std::make_unique<CpuAttention>(spec, products);
}

AttentionPlan::~AttentionPlan() = default;
AttentionPlan::AttentionPlan(AttentionPlan&&) noexcept = default;
AttentionPlan& AttentionPlan::operator=(AttentionPlan&&) noexcept = default;

size_t AttentionPlan::workspace_bytes() const { return backend_->workspace_bytes(); }

void AttentionPlan::forward(const Context& context, const Dropout& dropout, ConstTensorView qkv_SBQ,
                            TensorView out_SBO, TensorView lse_BNS,
                            ConstTensorView starts_BS) const {
  const TimedKernel timed(context.stream, "attention forward");
  const int64_t tokens = spec_.sequence * spec_.microbatch;
  check_size("qkv_SBQ", qkv_SBQ, tokens * spec_.qkv_width(), spec_.dtype);
  check_size("out_SBO", out_SBO, tokens * spec_.out_width(), spec_.dtype);
  check_size("lse_BNS", lse_BNS, tokens * spec_.heads);
  check_starts_size(starts_BS, spec_);
  check_workspace("AttentionPlan::forward", context, workspace_bytes());
  check_samples(dropout, spec_.microbatch);
  backend_->forward(context, dropout, qkv_SBQ, out_SBO, lse_BNS, starts_BS);
}

void AttentionPlan::backward(const Context& context, const Dropout& dropout,
                             ConstTensorView dout_SBO, ConstTensorView qkv_SBQ,
                             ConstTensorView out_SBO, ConstTensorView lse_BNS, TensorView dqkv_SBQ,
                             ConstTensorView starts_BS) const {
  const TimedKernel timed(context.stream, "attention backward");
  const int64_t tokens = spec_.sequence * spec_.microbatch;
  check_size("dout_SBO", dout_SBO, tokens * spec_.out_width(), spec_.dtype);
  check_size("qkv_SBQ", qkv_SBQ, tokens * spec_.qkv_width(), spec_.dtype);
  check_size("out_SBO", out_SBO, tokens * spec_.out_width(), spec_.dtype);
  check_size("lse_BNS", lse_BNS, tokens * spec_.heads);
  check_size("dqkv_SBQ", dqkv_SBQ, tokens * spec_.qkv_width(), spec_.dtype);
  check_starts_size(starts_BS, spec_);
  check_workspace("AttentionPlan::backward", context, workspace_bytes());
  check_samples(dropout, spec_.microbatch);
  backend_->backward(context, dropout, dout_SBO, qkv_SBQ, out_SBO, lse_BNS, dqkv_SBQ, starts_BS);
}

void attention_with_cache(const Context& context, int64_t heads, int64_t groups, int64_t head_dim,
                          ConstTensorView qkv_SQ, int64_t past, const KeyValueCache& cache,
                          TensorView out_SO) {
  check_heads(heads, groups, head_dim);
  check_element_type("qkv_SQ", qkv_SQ);
  const int64_t capacity = cache.keys_CGD.shape()[0];
  const int64_t width = (heads + 2 * groups) * head_dim;
  const int64_t tokens = qkv_SQ.num_elements() / width;
  const int64_t stride = groups * head_dim;
  check_size("qkv_SQ", qkv_SQ, tokens * width, qkv_SQ.dtype());
  check_size("out_SO", out_SO, tokens * heads * head_dim, qkv_SQ.dtype());
  check_size("keys_CGD", cache.keys_CGD, capacity * stride, qkv_SQ.dtype());
  check_size("values_CGD", cache.values_CGD, capacity * stride, qkv_SQ.dtype());
  check(past >= 0 && past + tokens <= capacity, ErrorKind::internal,
        "{} new tokens after {} cached ones; the cache holds {}", tokens, past, capacity);
  kernel_table(context.stream)
      .attention_with_cache(context, heads, groups, head_dim, qkv_SQ, past, cache, out_SO);
}

}  // namespace weft::kernels
