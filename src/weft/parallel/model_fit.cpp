#include "weft/parallel/model_fit.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "weft/parallel/equation.hpp"

namespace weft::parallel {

namespace {

using Problems = std::vector<Problem>;

void check_attention(const char* name, std::optional<int64_t> size, int64_t tp, const char* flag,
                     Problems& problems) {
  if (!size || *size % tp == 0) return;
  problems.push_back(
      {fmt::format("{} ({}) must be a multiple of tensor_model_parallel_size ({}). ({})", name,
                   *size, tp, quotient_text(*size, tp)),
       fmt::format("{} {}, or another --tensor-model-parallel-size", flag,
                   nearest_multiples(*size, tp))});
}

void check_feed_forward(std::optional<int64_t> size, int64_t tp, Problems& problems) {
  if (!size || *size % tp == 0) return;
  const std::array factors = {Factor{"tp", tp}};
  problems.push_back({not_divisible(fmt::format("ffn_hidden_size {}", *size), *size, factors),
                      fmt::format("--ffn-hidden-size {}, or another --tensor-model-parallel-size",
                                  nearest_multiples(*size, tp))});
}

// Context parallelism gives each rank two pieces of the sequence (reference/megatron.md 5.3);
// sequence parallelism splits a rank's part again, over tp.
void check_sequence(const Topology& topology, const ModelSizes& sizes, Problems& problems) {
  if (!sizes.seq_length) return;
  const int64_t length = *sizes.seq_length;
  const int64_t pieces = topology.cp() > 1 ? 2 * topology.cp() : 1;
  if (length % pieces != 0) {
    problems.push_back(
        {fmt::format("seq-length should be a multiple of 2 * context-parallel-size if "
                     "context-parallel-size > 1. (seq_length {}, 2 x cp {} = {}: {})",
                     length, topology.cp(), pieces, quotient_text(length, pieces)),
         fmt::format("--seq-length {}, or another --context-parallel-size",
                     nearest_multiples(length, pieces))});
    return;
  }
  if (!sizes.sequence_parallel) return;
  const std::array factors = {Factor{"cp", topology.cp()}, Factor{"tp", topology.tp()}};
  const int64_t step = product(factors);
  if (length % step == 0) return;
  problems.push_back({not_divisible(fmt::format("seq_length {}", length), length, factors),
                      fmt::format("--seq-length {}, or without --sequence-parallel",
                                  nearest_multiples(length, step))});
}

void check_experts(int64_t ep, std::optional<int64_t> num_experts, Problems& problems) {
  if (ep == 1) return;
  if (!num_experts) {
    problems.push_back(
        {fmt::format("num_experts must be non None to use expert model parallelism (ep {})", ep),
         fmt::format("--num-experts {}, or without --expert-model-parallel-size", ep)});
  } else if (*num_experts % ep != 0) {
    problems.push_back(
        {fmt::format("Number of experts should be a multiple of expert model parallel_size. ({})",
                     quotient_text(*num_experts, ep)),
         fmt::format("--num-experts {}, or another --expert-model-parallel-size",
                     nearest_multiples(*num_experts, ep))});
  }
}

}  // namespace

std::vector<Problem> check_model(const Topology& topology, const ModelSizes& sizes) {
  Problems problems;
  check_attention("num_attention_heads", sizes.num_attention_heads, topology.tp(),
                  "--num-attention-heads", problems);
  check_attention("num_query_groups", sizes.num_query_groups, topology.tp(), "--num-query-groups",
                  problems);
  check_feed_forward(sizes.ffn_hidden_size, topology.tp(), problems);
  check_sequence(topology, sizes, problems);
  check_experts(topology.ep(), sizes.num_experts, problems);
  return problems;
}

}  // namespace weft::parallel
