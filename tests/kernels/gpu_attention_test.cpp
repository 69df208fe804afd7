// Our own attention of GPUs, played on the host, beside the processor's. Both compute in f32 and
// round once; they differ in the order of their sums.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "support/emulated_block.hpp"
#include "support/emulated_phases.hpp"
#include "support/tensor_near.hpp"
#include "weft/kernels/attention.hpp"
#include "weft/kernels/attention_cache_kernels.hpp"
#include "weft/kernels/attention_fallback_kernels.hpp"
#include "weft/kernels/attention_gradient_kernels.hpp"
#include "weft/kernels/attention_seed_kernel.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

constexpr std::array<int64_t, 3> kSamples = {7, 4294967299, 0};

struct Results {
  explicit Results(const AttentionSpec& spec)
      : out(filled_tensor({spec.sequence, spec.microbatch, spec.out_width()}, NAN, spec.dtype)),
        lse(filled_tensor({spec.microbatch, spec.heads, spec.sequence}, NAN)),
        dqkv(filled_tensor({spec.sequence, spec.microbatch, spec.qkv_width()}, NAN, spec.dtype)) {}

  Tensor out;
  Tensor lse;
  Tensor dqkv;
};

struct Inputs {
  Tensor qkv;
  Tensor dout;
  Dropout dropout;
  std::vector<int64_t> starts;
};

Results on_the_processor(const AttentionSpec& spec, const Inputs& inputs) {
  Stream stream;
  const AttentionPlan plan(stream, spec, TileProducts::f32);
  Buffer workspace(plan.workspace_bytes());
  const Context context{stream, {workspace.data(), workspace.size_bytes()}};
  ConstTensorView starts;
  if (!inputs.starts.empty()) {
    starts = {inputs.starts.data(), DType::i64, {spec.microbatch, spec.sequence}};
  }
  Results results(spec);
  plan.forward(context, inputs.dropout, inputs.qkv, results.out, results.lse, starts);
  plan.backward(context, inputs.dropout, inputs.dout, inputs.qkv, results.out, results.lse,
                results.dqkv, starts);
  return results;
}

AttentionShape shape_of(const AttentionSpec& spec, const Inputs& inputs) {
  return {.layout = {spec.heads, spec.groups, spec.head_dim},
          .sequence = static_cast<int>(spec.sequence),
          .microbatch = static_cast<int>(spec.microbatch),
          .starts_BS = inputs.starts.empty() ? nullptr : inputs.starts.data(),
          .samples_B = kSamples.data(),
          .key = inputs.dropout.key,
          .threshold = inputs.dropout.threshold,
          .dropout_scale = inputs.dropout.scale,
          .scale = 1.0F / std::sqrt(static_cast<float>(spec.head_dim)),
          .packs = spec.head_dim % 4 == 0};
}

template <typename Kernel>
void play(const Kernel& kernel) {
  run_phases<AttentionMemory>(kernel, kBlockThreads);
}

/// The gradient is that of what the processor's forward `saved`, which may be rounded differently.
template <typename T, int kChunks>
Results on_a_gpu(const AttentionSpec& spec, const Inputs& inputs, const Results& saved) {
  const AttentionShape shape = shape_of(spec, inputs);
  Results results(spec);
  const T* qkv = inputs.qkv.view().data<T>();
  const T* dout = inputs.dout.view().data<T>();
  T* dqkv = results.dqkv.view().data<T>();
  play(AttentionForwardTile<T, kChunks>{shape, qkv, results.out.view().data<T>(),
                                        results.lse.view().data<float>()});
  const T* out = saved.out.view().data<T>();
  const float* lse = saved.lse.view().data<float>();
  Tensor delta = filled_tensor(results.lse.shape(), NAN);
  const AttentionDelta<T> row_sums{shape, out, dout, delta.view().data<float>()};
  run_elements<1>(row_sums, row_sums.size());
  const AttentionGradientTile<T, kChunks> tile{shape, {qkv, dout, lse, delta.view().data<float>()}};
  play(AttentionQueryGradientTile<T, kChunks>{tile, dqkv});
  play(AttentionKeyGradientTile<T, kChunks>{tile, dqkv});
  return results;
}

/// Within the table's tolerance, for sums as large as the largest element.
void expect_near(const char* what, const Tensor& gpu, const Tensor& cpu) {
  const std::vector<double> expected = to_double(cpu);
  double largest = 1.0;
  for (const double x : expected) largest = std::max(largest, std::abs(x));
  const Tolerance one = tolerance_of(gpu.dtype());
  expect_tensor_near(what, gpu, expected, {2.0 * one.absolute * largest, 2.0 * one.relative});
}

template <typename T>
void compare(AttentionSpec spec, double rate, const std::vector<int64_t>& ends = {}) {
  spec.dtype = dtype_of<T>;
  SCOPED_TRACE(::testing::Message()
               << name(spec.dtype) << " S " << spec.sequence << " N " << spec.heads << " G "
               << spec.groups << " D " << spec.head_dim << " rate " << rate);
  const auto as_own = [&](const Tensor& x) { return as_type(spec.dtype, x); };
  Inputs inputs{as_own(random_tensor({spec.sequence, spec.microbatch, spec.qkv_width()}, 1)),
                as_own(random_tensor({spec.sequence, spec.microbatch, spec.out_width()}, 2)),
                {rate, 1234, 5, DropoutSite::attention,
                 std::span(kSamples).first(static_cast<size_t>(spec.microbatch))},
                {}};
  for (int64_t b = 0; b < spec.microbatch && !ends.empty(); ++b) {
    int64_t start = 0;
    for (int64_t query = 0; query < spec.sequence; ++query) {
      inputs.starts.push_back(start);
      if (std::ranges::find(ends, query - 3 * b) != ends.end()) start = query + 1;
    }
  }
  const Results expected = on_the_processor(spec, inputs);
  const Results got = spec.head_dim <= 64    ? on_a_gpu<T, 1>(spec, inputs, expected)
                      : spec.head_dim <= 128 ? on_a_gpu<T, 2>(spec, inputs, expected)
                                             : on_a_gpu<T, 4>(spec, inputs, expected);
  expect_near("out", got.out, expected.out);
  expect_near("lse", got.lse, expected.lse);
  expect_near("dqkv", got.dqkv, expected.dqkv);
}

template <typename T>
class GpuAttention : public ::testing::Test {};

using Elements = ::testing::Types<float, BFloat16, Float16>;
TYPED_TEST_SUITE(GpuAttention, Elements);

TYPED_TEST(GpuAttention, EqualsTheProcessors) {
  for (const int64_t sequence : {1, 63, 64, 130}) compare<TypeParam>({sequence, 2, 2, 2, 64}, 0.0);
}

TYPED_TEST(GpuAttention, HasEveryHeadSize) {
  for (const int64_t head_dim : {1, 20, 65, 100, 128, 129, 256}) {
    compare<TypeParam>({70, 1, 2, 1, head_dim}, 0.1);
  }
}

TYPED_TEST(GpuAttention, SharesKeysAmongAGroup) {
  compare<TypeParam>({100, 2, 6, 2, 20}, 0.0);
  compare<TypeParam>({67, 3, 6, 1, 7}, 0.5);
}

TYPED_TEST(GpuAttention, DropsWhatTheProcessorDrops) {
  // Rows of dropout start at a multiple of four elements, or not.
  compare<TypeParam>({132, 2, 2, 1, 16}, 0.3);
  compare<TypeParam>({131, 2, 2, 2, 16}, 0.3);
}

TYPED_TEST(GpuAttention, KeepsDocumentsApart) {
  compare<TypeParam>({193, 2, 2, 1, 8}, 0.1, {10, 62, 63, 130});
  compare<TypeParam>({200, 2, 2, 2, 12}, 0.0, {126, 127, 150});
  compare<TypeParam>({260, 1, 1, 1, 8}, 0.0, {0, 255});
}

/// Attention over a cache of tokens that arrive in pieces, on the processor and as a GPU has it.
template <typename T>
void compare_with_cache(const HeadLayout& layout, const std::vector<int64_t>& pieces) {
  SCOPED_TRACE(::testing::Message() << name(dtype_of<T>) << " D " << layout.head_dim);
  constexpr int64_t kCapacity = 600;
  const Shape cached{kCapacity, layout.groups, layout.head_dim};
  std::array<KeyValueCache, 2> caches;
  std::vector<Tensor> owned;
  for (int i = 0; i < 4; ++i) owned.push_back(filled_tensor(cached, NAN, dtype_of<T>));
  for (size_t i = 0; i < 2; ++i) caches.at(i) = {owned[2 * i].view(), owned[2 * i + 1].view()};
  int64_t past = 0;
  for (const int64_t tokens : pieces) {
    const Tensor qkv = as_type(
        dtype_of<T>, random_tensor({tokens, layout.qkv_width()}, static_cast<uint32_t>(past + 1)));
    const Shape out_shape{tokens, layout.heads * layout.head_dim};
    Tensor expected = filled_tensor(out_shape, NAN, dtype_of<T>);
    Tensor got = filled_tensor(out_shape, NAN, dtype_of<T>);
    Stream stream;
    attention_with_cache({stream, {}}, layout.heads, layout.groups, layout.head_dim, qkv, past,
                         caches[0], expected);
    const T* rows = qkv.view().data<T>();
    T* keys = caches[1].keys_CGD.data<T>();
    T* values = caches[1].values_CGD.data<T>();
    run_elements<1>(CacheAppend<T>{layout, rows, keys, values, past},
                    tokens * layout.groups * layout.head_dim);
    run_phases<CachedAttentionMemory>(
        CachedAttention<T>{layout, rows, keys, values, got.view().data<T>(), tokens, past,
                           1.0F / std::sqrt(static_cast<float>(layout.head_dim))},
        kCacheThreads);
    past += tokens;
    expect_near("out", got, expected);
    expect_same_bits("keys", caches[1].keys_CGD, caches[0].keys_CGD);
    expect_same_bits("values", caches[1].values_CGD, caches[0].values_CGD);
  }
}

TYPED_TEST(GpuAttention, AttendsToCachedTokens) {
  compare_with_cache<TypeParam>({4, 2, 64}, {5, 1, 260, 1});
  compare_with_cache<TypeParam>({2, 2, 20}, {511, 1, 1, 1});
  compare_with_cache<TypeParam>({2, 1, 256}, {1, 2, 30});
}

TEST(GpuAttentionSeed, FollowsFromTheKeyAndTheFirstSample) {
  const auto draw = [](philox::Key key, int64_t sample) {
    std::array<int64_t, 2> random{};
    AttentionSeed{key, &sample, random.data()}();
    return random;
  };
  const auto seed = draw({1, 2}, 3);
  EXPECT_EQ(draw({1, 2}, 3), seed);
  EXPECT_NE(draw({1, 2}, 4)[0], seed[0]);
  EXPECT_NE(draw({2, 2}, 3)[0], seed[0]);
  EXPECT_EQ(seed[1], 0);
}

}  // namespace
}  // namespace weft::kernels
