#pragma once

#include <span>
#include <string>
#include <vector>

#include "weft/model/model_config.hpp"
#include "weft/model/parameter.hpp"
#include "weft/parallel/layer_partition.hpp"

namespace weft::model {

/// Name of a parameter of layer `layer` (0-based), for example layer_parameter(0,
/// "mlp.linear_fc1.weight").
std::string layer_parameter(int64_t layer, const std::string& suffix);

inline constexpr const char* kWordEmbeddings = "embedding.word_embeddings.weight";
inline constexpr const char* kPositionEmbeddings = "embedding.position_embeddings.weight";
inline constexpr const char* kOutputLayer = "output_layer.weight";

/// All layers, embedding and head: the only part of a model that is not split.
parallel::StageLayers whole_model(const ModelConfig& config);

/// The parameters of `parts` of a GPT or Llama, in layer order and each once, with their shapes and
/// initial distributions (reference/megatron.md 4.2, 4.3): matrices N(0, std^2), attention
/// projection and fc2 N(0, std^2 / 2L), norm weights 1 (0 where they are stored minus one), biases
/// 0. Xavier's rule, uniform within sqrt(6 / (inputs + outputs)) of the whole matrix, replaces the
/// first one only. What a model lacks is not in the list: biases, the position table, an output
/// matrix of its own. A head whose matrix is the word embedding of another rank has a copy of it
/// (Parameter::is_copy). `memory` is that of the device of `stream`.
ParameterSet make_gpt_parameters(const ModelConfig& config,
                                 std::span<const parallel::StageLayers> parts,
                                 MemoryResource& memory = host_memory(),
                                 const Stream& stream = Stream());
/// The same of the whole model.
ParameterSet make_gpt_parameters(const ModelConfig& config, MemoryResource& memory = host_memory(),
                                 const Stream& stream = Stream());

/// Sizes of those parameters' slabs, known without them.
ParameterSizes gpt_parameter_sizes(const ModelConfig& config,
                                   std::span<const parallel::StageLayers> parts);
ParameterSizes gpt_parameter_sizes(const ModelConfig& config);

/// Elements of those parameters.
int64_t num_gpt_parameters(const ModelConfig& config, std::span<const parallel::StageLayers> parts);

/// Names of the whole model's parameters, ascending: the order in which norms are summed.
std::vector<std::string> gpt_parameter_names(const ModelConfig& config);

}  // namespace weft::model
