#include "checkpoint/parts.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>

#include "weft/base/logger.hpp"
#include "weft/checkpoint/checkpoint.hpp"
#include "weft/comm/thread_world.hpp"
#include "weft/model/gpt_parameters.hpp"
#include "weft/parallel/layer_partition.hpp"

namespace weft::checkpoint {
namespace fs = std::filesystem;
using model::Parameter;
using model::ParameterSet;

namespace {

ParameterSet parameters_of(const model::ModelConfig& config, int rank, int num_ranks) {
  const parallel::LayerPartition partition({.num_layers = config.num_layers, .pp = num_ranks});
  const parallel::StageLayers part = partition.at(rank, 0);
  return model::make_gpt_parameters(config, {&part, 1});
}

/// Bits that only the tensor's name and `salt` decide.
std::vector<uint32_t> bits_of(const std::string& name, size_t count, uint32_t salt) {
  for (const char letter : name) salt = salt * 31U + static_cast<unsigned char>(letter);
  std::vector<uint32_t> bits(count);
  for (uint32_t& value : bits) {
    salt = salt * 1664525U + 1013904223U;
    value = salt & 0xbfffffffU;  // finite
  }
  return bits;
}

}  // namespace

Part::Part(const model::ModelConfig& config, int rank, int num_ranks)
    : parameters(parameters_of(config, rank, num_ranks)) {}

void for_each_tensor(Part& part, const std::function<void(const std::string&, TensorView)>& use) {
  for (Parameter& parameter : part.parameters.all()) use(parameter.name, parameter.main);
  for (const optim::StateTensor& tensor : part.optimizer.state()) use(tensor.name, tensor.value);
}

model::ModelConfig config_of(int64_t num_layers, DType dtype) {
  model::ModelConfig config;
  config.num_layers = num_layers;
  config.hidden_size = 8;
  config.ffn_hidden_size = 16;
  config.num_attention_heads = 2;
  config.kv_channels = 4;
  config.vocab_size = 12;
  config.max_position_embeddings = 5;
  config.dtype = dtype;
  return config;
}

void fill(const std::string& name, TensorView view, uint32_t salt) {
  const auto bits = bits_of(name, static_cast<size_t>(view.num_elements()), salt);
  std::memcpy(view.raw(), bits.data(), view.size_bytes());
}

void expect_filled(const std::string& name, const ConstTensorView& view, uint32_t salt) {
  const auto bits = bits_of(name, static_cast<size_t>(view.num_elements()), salt);
  EXPECT_EQ(std::memcmp(view.raw(), bits.data(), view.size_bytes()), 0) << name;
}

Parts make_parts(const model::ModelConfig& config, int num_ranks, uint32_t salt) {
  Parts parts;
  for (int rank = 0; rank < num_ranks; ++rank) {
    parts.push_back(std::make_unique<Part>(config, rank, num_ranks));
    for_each_tensor(*parts.back(),
                    [&](const std::string& name, TensorView view) { fill(name, view, salt); });
    parts.back()->optimizer.set_num_steps(salt);
  }
  return parts;
}

void expect_parts(Parts& parts, uint32_t salt) {
  for (const auto& part : parts) {
    for_each_tensor(
        *part, [&](const std::string& name, TensorView view) { expect_filled(name, view, salt); });
    EXPECT_EQ(part->optimizer.num_steps(), salt);
  }
}

void spoil_copies(Parts& parts) {
  for (const auto& part : parts) {
    for (const Parameter& parameter : part->parameters.all()) {
      if (!parameter.is_copy) continue;
      for_each_tensor(*part, [&](const std::string& name, TensorView view) {
        if (name.ends_with(parameter.name)) fill(name, view, 999);
      });
    }
  }
}

void on_ranks(Parts& parts, const std::function<void(Part&, comm::Communicator&)>& body) {
  RecordingLogger logger;
  comm::ThreadWorld world(logger, {.threads_per_rank = 1, .timeout = std::chrono::seconds(20)});
  world.run(static_cast<int>(parts.size()), [&](comm::RankContext& rank) {
    body(*parts[static_cast<size_t>(rank.rank)], rank.world());
  });
}

void save(const fs::path& root, int64_t iteration, Parts& parts) {
  TrainState state;
  state.iteration = iteration;
  state.seed = 7;
  on_ranks(parts, [&](Part& part, comm::Communicator& ranks) {
    save_model(root, state, part.parameters, &part.optimizer, &ranks);
    EXPECT_EQ(latest_iteration(root), iteration) << "before any rank returns";
  });
}

void load(const fs::path& root, Parts& parts) {
  on_ranks(parts, [&](Part& part, comm::Communicator& ranks) {
    const auto state = load_model(root, part.parameters, &part.optimizer, {}, &ranks);
    ASSERT_TRUE(state.has_value());
    EXPECT_EQ(state->seed, 7U);
  });
}

std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

}  // namespace weft::checkpoint
