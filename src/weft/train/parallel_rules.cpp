#include "weft/train/parallel_rules.hpp"

#include "weft/parallel/model_fit.hpp"

namespace weft::train {

namespace {

/// A size that other rules accept; those that they refuse are not reported twice.
std::optional<int64_t> sound_size(const OptionValues& values, const char* name) {
  const auto size = values.maybe_integer(name);
  return size && *size >= 1 && *size <= parallel::kLargestSize ? size : std::nullopt;
}

parallel::ModelSizes model_sizes(const OptionValues& values) {
  parallel::ModelSizes sizes;
  sizes.num_attention_heads = sound_size(values, "num_attention_heads");
  if (values.flag("group_query_attention")) {
    sizes.num_query_groups = sound_size(values, "num_query_groups");
  }
  sizes.ffn_hidden_size = sound_size(values, "ffn_hidden_size");
  sizes.seq_length = sound_size(values, "seq_length");
  sizes.num_experts = sound_size(values, "num_experts");
  sizes.sequence_parallel = values.flag("sequence_parallel");
  return sizes;
}

}  // namespace

parallel::TopologySizes topology_sizes(const OptionValues& values) {
  parallel::TopologySizes sizes;
  if (values.given("world_size")) sizes.world_size = values.maybe_integer("world_size");
  sizes.tp = values.integer("tensor_model_parallel_size");
  sizes.cp = values.integer("context_parallel_size");
  sizes.pp = values.integer("pipeline_model_parallel_size");
  sizes.ep = values.integer("expert_model_parallel_size");
  if (values.given("expert_tensor_parallel_size")) {
    sizes.expert_tp = values.maybe_integer("expert_tensor_parallel_size");
  }
  if (values.flag("use_tp_pp_dp_mapping")) sizes.order = parallel::kReplicasOutermost;
  return sizes;
}

parallel::LayerSplit layer_split(const OptionValues& values) {
  parallel::LayerSplit split;
  split.num_layers = values.integer("num_layers");
  split.pp = values.integer("pipeline_model_parallel_size");
  split.chunks_per_rank = values.maybe_integer("num_virtual_stages_per_pipeline_rank");
  split.layers_per_chunk = values.maybe_integer("num_layers_per_virtual_pipeline_stage");
  split.first_rank_layers = values.maybe_integer("decoder_first_pipeline_num_layers");
  split.last_rank_layers = values.maybe_integer("decoder_last_pipeline_num_layers");
  split.account_for_embedding = values.flag("account_for_embedding_in_pipeline_split");
  split.account_for_loss = values.flag("account_for_loss_in_pipeline_split");
  return split;
}

std::vector<OptionProblem> check_parallel(const OptionValues& values) {
  const parallel::TopologySizes sizes = topology_sizes(values);
  std::vector<parallel::Problem> found = sizes.validate();
  const auto append = [&found](const std::vector<parallel::Problem>& more) {
    found.insert(found.end(), more.begin(), more.end());
  };
  if (found.empty()) append(parallel::check_model(parallel::Topology(sizes), model_sizes(values)));
  // Sizes that are out of range are among the topology's problems already.
  const bool sound_pipeline = sound_size(values, "pipeline_model_parallel_size").has_value();
  if (sound_pipeline && sound_size(values, "num_layers")) append(layer_split(values).validate());
  std::vector<OptionProblem> problems;
  for (const parallel::Problem& problem : found) {
    problems.push_back({problem.message, problem.hint});
  }
  return problems;
}

}  // namespace weft::train
