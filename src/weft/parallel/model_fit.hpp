#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weft/parallel/problem.hpp"
#include "weft/parallel/topology.hpp"

namespace weft::parallel {

/// The sizes of a model that are divided among ranks; those that are not given are not checked.
struct ModelSizes {
  std::optional<int64_t> num_attention_heads = {};
  std::optional<int64_t> num_query_groups = {};  ///< none: as many as heads
  std::optional<int64_t> ffn_hidden_size = {};
  std::optional<int64_t> seq_length = {};
  std::optional<int64_t> num_experts = {};  ///< none: no experts, so that ep must be 1
  bool sequence_parallel = false;
};

/// Every size that does not divide among the ranks of `topology`, in Megatron's words where it has
/// some (reference/megatron.md 11.1, 11.2), each with its equation. All given sizes are at least 1.
std::vector<Problem> check_model(const Topology& topology, const ModelSizes& sizes);

}  // namespace weft::parallel
