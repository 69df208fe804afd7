#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "weft/comm/communicator.hpp"
#include "weft/model/model_config.hpp"
#include "weft/model/parameter.hpp"
#include "weft/optim/optimizer.hpp"

namespace weft::checkpoint {

// Small models in parts, one for each rank of a pipeline. What they hold follows from the names of
// the tensors and a number, the salt, so every test knows what must be where.

/// What a rank holds of a model, with its optimizer.
struct Part {
  Part(const model::ModelConfig& config, int rank, int num_ranks);

  model::ParameterSet parameters;
  optim::Optimizer optimizer{{}, parameters};
};

using Parts = std::vector<std::unique_ptr<Part>>;

/// A small GPT with tied embeddings.
model::ModelConfig config_of(int64_t num_layers, DType dtype = DType::f32);
/// The parts of `num_ranks` ranks, filled by `salt`, which also counts the optimizers' steps.
Parts make_parts(const model::ModelConfig& config, int num_ranks, uint32_t salt);

void fill(const std::string& name, TensorView view, uint32_t salt);
void expect_filled(const std::string& name, const ConstTensorView& view, uint32_t salt);
/// The parts, copies included, are as make_parts filled them.
void expect_parts(Parts& parts, uint32_t salt);
/// Gives copies other bits, which must not reach the files.
void spoil_copies(Parts& parts);
/// Calls `use(name, tensor)` with everything that a checkpoint holds of the part.
void for_each_tensor(Part& part, const std::function<void(const std::string&, TensorView)>& use);

/// Runs `body` on one rank for each part.
void on_ranks(Parts& parts, const std::function<void(Part&, comm::Communicator&)>& body);
/// Saves and loads the parts on their ranks.
void save(const std::filesystem::path& root, int64_t iteration, Parts& parts);
void load(const std::filesystem::path& root, Parts& parts);

/// Names of what is in `directory`.
std::set<std::string> names_in(const std::filesystem::path& directory);

}  // namespace weft::checkpoint
