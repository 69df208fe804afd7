#pragma once

#include <string>

#include "weft/model/model_config.hpp"
#include "weft/model/parameter.hpp"

namespace weft::model {

/// Name of a parameter of layer `layer` (0-based), for example layer_parameter(0,
/// "mlp.linear_fc1.weight").
std::string layer_parameter(int64_t layer, const std::string& suffix);

inline constexpr const char* kWordEmbeddings = "embedding.word_embeddings.weight";
inline constexpr const char* kPositionEmbeddings = "embedding.position_embeddings.weight";
inline constexpr const char* kOutputLayer = "output_layer.weight";

/// The parameters of a GPT or Llama with their shapes and initial distributions
/// (reference/megatron.md 4.2, 4.3): matrices N(0, std^2), attention projection and fc2 N(0, std^2
/// / 2L), norm weights 1 (0 where they are stored minus one), biases 0. Xavier's rule, uniform
/// within sqrt(6 / (inputs + outputs)) of the whole matrix, replaces the first one only. What a
/// model lacks is not in the list: biases, the position table, an output matrix of its own.
/// `memory` is that of the device of `stream`.
ParameterSet make_gpt_parameters(const ModelConfig& config, MemoryResource& memory = host_memory(),
                                 const Stream& stream = Stream());

/// Sizes of those parameters' slabs, known without them.
ParameterSizes gpt_parameter_sizes(const ModelConfig& config);

}  // namespace weft::model
