#include <algorithm>

#include "weft/kernels/attention.hpp"
#include "weft/kernels/attention_item.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/parallel.hpp"

namespace weft::kernels {

namespace {

size_t scratch_bytes(const AttentionSpec& spec) {
  Arena counter;
  take_scratch(counter, spec, true);
  return counter.used_bytes();
}

void check_samples(const Dropout& dropout, int64_t microbatch) {
  check(!dropout.active() || dropout.samples_B.size() == static_cast<size_t>(microbatch),
        ErrorKind::internal, "dropout knows {} samples; the microbatch has {}",
        dropout.samples_B.size(), microbatch);
}

}  // namespace

struct AttentionPlan::Backend {
  int threads = 1;
  size_t bytes_per_thread = 0;
};

AttentionPlan::AttentionPlan(const Stream& /*stream*/, const AttentionSpec& spec)
    : spec_(spec), backend_(std::make_unique<Backend>()) {
  check(spec.sequence > 0 && spec.microbatch > 0 && spec.heads > 0 && spec.groups > 0,
        ErrorKind::internal,
        "attention over sequence {}, microbatch {}, {} heads, {} groups; each must be at least 1",
        spec.sequence, spec.microbatch, spec.heads, spec.groups);
  check(spec.heads % spec.groups == 0, ErrorKind::internal,
        "{} attention heads do not divide into {} query groups", spec.heads, spec.groups);
  check(spec.head_dim >= 1 && spec.head_dim <= 256, ErrorKind::internal,
        "attention head size {}; expected 1 to 256", spec.head_dim);
  check(spec.dtype == DType::f32, ErrorKind::internal, "attention of {}; expected f32",
        name(spec.dtype));
  backend_->threads =
      static_cast<int>(std::min<int64_t>(num_threads(), spec.microbatch * spec.groups));
  backend_->bytes_per_thread = aligned_size(scratch_bytes(spec));
}

AttentionPlan::~AttentionPlan() = default;
AttentionPlan::AttentionPlan(AttentionPlan&&) noexcept = default;
AttentionPlan& AttentionPlan::operator=(AttentionPlan&&) noexcept = default;

size_t AttentionPlan::workspace_bytes() const {
  return static_cast<size_t>(backend_->threads) * backend_->bytes_per_thread;
}

void AttentionPlan::forward(const Context& context, const Dropout& dropout, ConstTensorView qkv_SBQ,
                            TensorView out_SBO, TensorView lse_BNS) const {
  const int64_t tokens = spec_.sequence * spec_.microbatch;
  check_size("qkv_SBQ", qkv_SBQ, tokens * spec_.qkv_width());
  check_size("out_SBO", out_SBO, tokens * spec_.out_width());
  check_size("lse_BNS", lse_BNS, tokens * spec_.heads);
  check_workspace("AttentionPlan::forward", context, workspace_bytes());
  check_samples(dropout, spec_.microbatch);
  const float* qkv = qkv_SBQ.data<float>();
  float* out = out_SBO.data<float>();
  float* lse = lse_BNS.data<float>();
  const size_t bytes = backend_->bytes_per_thread;
  const auto run_item = [&, qkv, out, lse, bytes](int64_t index, int thread) {
    Arena arena(context.workspace.data() + static_cast<size_t>(thread) * bytes, bytes);
    const AttentionItem item{spec_, dropout, index / spec_.groups, index % spec_.groups,
                             take_scratch(arena, spec_, false)};
    forward_item(item, qkv, out, lse);
  };
  parallel_items(spec_.microbatch * spec_.groups, backend_->threads, run_item);
}

void AttentionPlan::backward(const Context& context, const Dropout& dropout,
                             ConstTensorView dout_SBO, ConstTensorView qkv_SBQ,
                             ConstTensorView out_SBO, ConstTensorView lse_BNS,
                             TensorView dqkv_SBQ) const {
  const int64_t tokens = spec_.sequence * spec_.microbatch;
  check_size("dout_SBO", dout_SBO, tokens * spec_.out_width());
  check_size("qkv_SBQ", qkv_SBQ, tokens * spec_.qkv_width());
  check_size("out_SBO", out_SBO, tokens * spec_.out_width());
  check_size("lse_BNS", lse_BNS, tokens * spec_.heads);
  check_size("dqkv_SBQ", dqkv_SBQ, tokens * spec_.qkv_width());
  check_workspace("AttentionPlan::backward", context, workspace_bytes());
  check_samples(dropout, spec_.microbatch);
  const AttentionBackward data{dout_SBO.data<float>(), qkv_SBQ.data<float>(), out_SBO.data<float>(),
                               lse_BNS.data<float>(), dqkv_SBQ.data<float>()};
  const size_t bytes = backend_->bytes_per_thread;
  const auto run_item = [&, bytes](int64_t index, int thread) {
    Arena arena(context.workspace.data() + static_cast<size_t>(thread) * bytes, bytes);
    const AttentionItem item{spec_, dropout, index / spec_.groups, index % spec_.groups,
                             take_scratch(arena, spec_, true)};
    backward_item(item, data);
  };
  parallel_items(spec_.microbatch * spec_.groups, backend_->threads, run_item);
}

}  // namespace weft::kernels
