// The attention graphs run in fp64 on packed qkv rows, beside attention written for reading.
#include "weft/kernels/attention_graph.hpp"

#include <gtest/gtest.h>

#include <random>

#include "reference/attention.hpp"
#include "reference/tensor_graph.hpp"
#include "weft/base/error.hpp"
#include "weft/kernels/attention_tensors.hpp"

namespace weft::kernels {
namespace {

using reference::AttentionSizes;
using reference::GraphRun;
using Numbers = std::vector<double>;

Numbers random_numbers(size_t size, uint32_t seed) {
  std::mt19937 generator(seed);
  Numbers numbers(size);
  for (double& x : numbers) x = static_cast<double>(generator()) / 2147483648.0 - 1.0;
  return numbers;
}

AttentionGraphSpec spec_of(const AttentionSizes& sizes, double dropout = 0.0,
                           bool deterministic = false) {
  return {.sizes = {.sequence = sizes.sequence,
                    .microbatch = sizes.microbatch,
                    .heads = sizes.heads,
                    .groups = sizes.groups,
                    .head_dim = sizes.head_dim,
                    .dtype = DType::bf16},
          .dropout = dropout,
          .deterministic = deterministic};
}

/// A mask in the reference's words and in the graph's, where batch and head may be grouped.
struct Mask {
  AttentionSizes sizes;
  double rate;

  bool keeps(int64_t b, int64_t head, int64_t query, int64_t key) const {
    const auto place = static_cast<uint32_t>(((b * 31 + head) * 37 + query) * 41 + key);
    return static_cast<double>((place * 2654435761U) >> 8) / 16777216.0 >= rate;
  }
  reference::AttentionMask reference() const {
    return [*this](int64_t b, int64_t head, int64_t query, int64_t key) {
      return keeps(b, head, query, key) ? 1.0 / (1.0 - rate) : 0.0;
    };
  }
  reference::KeepMask graph() const {
    const int64_t per_group = sizes.heads / sizes.groups;
    const bool grouped = per_group > 1;
    return [*this, per_group, grouped](const reference::Index& i) {
      const int64_t b = grouped ? i[0] / sizes.groups : i[0];
      const int64_t head = grouped ? i[0] % sizes.groups * per_group + i[1] : i[1];
      return keeps(b, head, i[2], i[3]) ? 1.0 : 0.0;
    };
  }
};

struct Run {
  Numbers out;
  Numbers lse;
  Numbers dqkv;
};

void set_values(GraphRun& run, const AttentionValues& values, const AttentionSizes& sizes,
                double dropout) {
  run.set_value(values.scale, 1.0 / std::sqrt(static_cast<double>(sizes.head_dim)));
  run.set_value(values.negative_infinity, -INFINITY);
  if (values.keep >= 0) run.set_value(values.keep, 1.0 - dropout);
  if (values.inverse_keep >= 0) run.set_value(values.inverse_keep, 1.0 / (1.0 - dropout));
}

/// Forward and backward through the graphs.
Run run_graphs(const AttentionSizes& sizes, const AttentionGraphSpec& spec, Numbers qkv,
               Numbers dout, const reference::KeepMask& mask) {
  const QkvOffsets at = qkv_offsets(spec.sizes);
  Run result;
  result.out.resize(dout.size());
  result.lse.resize(static_cast<size_t>(sizes.microbatch * sizes.heads * sizes.sequence));
  result.dqkv.resize(qkv.size());

  const AttentionForwardGraph forward = attention_forward_graph(spec);
  GraphRun first(forward.graph, mask);
  first.bind(forward.q, qkv, at.q);
  first.bind(forward.k_transposed, qkv, at.k);
  first.bind(forward.v, qkv, at.v);
  first.bind(forward.out, result.out);
  first.bind(forward.lse, result.lse);
  set_values(first, forward.values, sizes, spec.dropout);
  first.run();

  const AttentionBackwardGraph backward = attention_backward_graph(spec);
  Numbers delta(static_cast<size_t>(backward.graph.at(backward.delta).num_elements()));
  Numbers dq_sum(dout.size());
  GraphRun second(backward.graph, mask);
  second.bind(backward.q, qkv, at.q);
  second.bind(backward.k_transposed, qkv, at.k);
  second.bind(backward.v_transposed, qkv, at.v);
  second.bind(backward.out, result.out);
  second.bind(backward.dout, dout);
  second.bind(backward.lse, result.lse);
  second.bind(backward.dq, result.dqkv, at.q);
  second.bind(backward.dk, result.dqkv, at.k);
  second.bind(backward.dv, result.dqkv, at.v);
  second.bind(backward.delta, delta);
  if (backward.dq_sum >= 0) second.bind(backward.dq_sum, dq_sum);
  set_values(second, backward.values, sizes, spec.dropout);
  second.run();
  return result;
}

void expect_near(const Numbers& got, const Numbers& expected, const char* what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], 1e-12) << what << i;
}

void compare(const AttentionSizes& sizes, double dropout, bool deterministic) {
  SCOPED_TRACE(::testing::Message() << sizes.heads << " heads, " << sizes.groups << " groups");
  const Numbers qkv =
      random_numbers(static_cast<size_t>(sizes.sequence * sizes.microbatch * sizes.qkv_width()), 1);
  const Numbers dout = random_numbers(
      static_cast<size_t>(sizes.sequence * sizes.microbatch * sizes.heads * sizes.head_dim), 2);
  const Mask mask{sizes, dropout};
  const Run got =
      run_graphs(sizes, spec_of(sizes, dropout, deterministic), qkv, dout, mask.graph());
  const auto expected = reference::attention_forward(sizes, qkv, mask.reference());
  expect_near(got.out, expected.out, "out");
  expect_near(got.lse, expected.lse, "lse");
  expect_near(got.dqkv, reference::attention_backward(sizes, dout, qkv, mask.reference()), "dqkv");
}

constexpr AttentionSizes kHeads{
    .sequence = 5, .microbatch = 2, .heads = 3, .groups = 3, .head_dim = 8};
constexpr AttentionSizes kGroups{
    .sequence = 5, .microbatch = 2, .heads = 6, .groups = 2, .head_dim = 8};
constexpr AttentionSizes kOneKey{
    .sequence = 4, .microbatch = 3, .heads = 4, .groups = 1, .head_dim = 16};

TEST(AttentionGraph, IsAttentionOnPackedRows) {
  for (const AttentionSizes& sizes : {kHeads, kGroups, kOneKey}) compare(sizes, 0.0, false);
}

TEST(AttentionGraph, IsTheSameWhenDeterministic) {
  for (const AttentionSizes& sizes : {kHeads, kGroups}) compare(sizes, 0.0, true);
}

TEST(AttentionGraph, DropsProbabilities) {
  for (const AttentionSizes& sizes : {kHeads, kGroups}) {
    compare(sizes, 0.25, false);
    compare(sizes, 0.25, true);
  }
}

TEST(AttentionGraph, HasTheOperationsThatCudnnRecognises) {
  const auto counts = [](const AttentionSizes& sizes, double dropout) {
    const AttentionGraphSpec spec = spec_of(sizes, dropout);
    return std::pair{attention_forward_graph(spec).graph.ops().size(),
                     attention_backward_graph(spec).graph.ops().size()};
  };
  // reference/cuda.md 2.2
  EXPECT_EQ(counts(kHeads, 0.0), (std::pair{size_t{14}, size_t{22}}));
  EXPECT_EQ(counts(kHeads, 0.1), (std::pair{size_t{17}, size_t{27}}));
  EXPECT_EQ(counts(kGroups, 0.0), (std::pair{size_t{14}, size_t{24}}));
}

TEST(AttentionGraph, RefusesWhatCudnnHasNot) {
  AttentionGraphSpec spec = spec_of(kHeads);
  spec.sizes.head_dim = 12;
  EXPECT_THROW(attention_forward_graph(spec), Error);
  spec.sizes.head_dim = 264;
  EXPECT_THROW(attention_backward_graph(spec), Error);
  spec = spec_of(kHeads, 1.0);
  EXPECT_THROW(attention_forward_graph(spec), Error);
  spec = spec_of(kHeads);
  spec.sizes.dtype = DType::f32;
  EXPECT_THROW(attention_forward_graph(spec), Error);
}

/// What a run passes is exactly what a graph has in memory or takes by value.
void expect_every_tensor(const TensorGraph& graph, const TensorPointers& tensors) {
  std::vector<const void*> of_id(graph.tensors().size());
  for (const TensorPointer& tensor : tensors.all()) {
    EXPECT_EQ(of_id.at(static_cast<size_t>(tensor.id)), nullptr) << tensor.id << " is given twice";
    EXPECT_NE(tensor.data, nullptr) << tensor.id;
    of_id.at(static_cast<size_t>(tensor.id)) = tensor.data;
  }
  for (size_t id = 0; id < of_id.size(); ++id) {
    EXPECT_EQ(of_id[id] != nullptr, graph.tensors()[id].storage != GraphStorage::none) << id;
  }
}

TEST(AttentionGraph, ARunPassesEveryTensor) {
  const std::vector<std::byte> rows(4096);
  const std::vector<float> floats(4096);
  const std::array<int64_t, 2> random{};
  for (const AttentionSizes& sizes : {kHeads, kGroups}) {
    for (const double dropout : {0.0, 0.25}) {
      for (const bool deterministic : {false, true}) {
        const AttentionGraphSpec spec = spec_of(sizes, dropout, deterministic);
        const AttentionNumbers numbers(spec);
        const AttentionForwardGraph forward = attention_forward_graph(spec);
        expect_every_tensor(forward.graph, tensors_of(forward, spec.sizes, numbers,
                                                      {.qkv_SBQ = rows.data(),
                                                       .out_SBO = rows.data(),
                                                       .lse_BNS = floats.data(),
                                                       .random = random.data()}));
        const AttentionBackwardGraph backward = attention_backward_graph(spec);
        expect_every_tensor(backward.graph, tensors_of(backward, spec.sizes, numbers,
                                                       {.dout_SBO = rows.data(),
                                                        .qkv_SBQ = rows.data(),
                                                        .out_SBO = rows.data(),
                                                        .lse_BNS = floats.data(),
                                                        .dqkv_SBQ = rows.data(),
                                                        .random = random.data(),
                                                        .delta = floats.data(),
                                                        .dq_sum = floats.data()}));
      }
    }
  }
}

TEST(AttentionGraph, ARunPassesItsNumbersAndTheStartsOfPackedRows) {
  const AttentionGraphSpec spec = spec_of(kGroups, 0.25);
  const AttentionNumbers numbers(spec);
  EXPECT_FLOAT_EQ(numbers.scale, 1.0F / std::sqrt(8.0F));
  EXPECT_EQ(numbers.keep, 0.75F);
  EXPECT_FLOAT_EQ(numbers.inverse_keep, 4.0F / 3.0F);
  const AttentionForwardGraph graph = attention_forward_graph(spec);
  const std::vector<std::byte> rows(4096);
  const TensorPointers tensors =
      tensors_of(graph, spec.sizes, numbers, {rows.data(), nullptr, nullptr, nullptr});
  const auto pointer = [&](TensorId id) {
    for (const TensorPointer& tensor : tensors.all()) {
      if (tensor.id == id) return tensor.data;
    }
    return static_cast<const void*>(nullptr);
  };
  EXPECT_EQ(pointer(graph.values.scale), &numbers.scale);
  EXPECT_EQ(pointer(graph.values.inverse_keep), &numbers.inverse_keep);
  EXPECT_EQ(pointer(graph.q), rows.data());
  // Three heads share a key: their queries of 8 features of 2 bytes come first.
  EXPECT_EQ(pointer(graph.k_transposed), rows.data() + 48);
  EXPECT_EQ(pointer(graph.v), rows.data() + 64);
}

TEST(AttentionGraph, LogsOfSumsLieAsAPlansDo) {
  // [B, N, S], though sample and group are one batch index.
  const AttentionForwardGraph graph = attention_forward_graph(spec_of(kGroups));
  const GraphTensor& lse = graph.graph.at(graph.lse);
  EXPECT_EQ(lse.dims, (std::array<int64_t, 4>{4, 3, 5, 1}));
  EXPECT_EQ(lse.strides, (std::array<int64_t, 4>{15, 5, 1, 1}));
}

}  // namespace
}  // namespace weft::kernels
