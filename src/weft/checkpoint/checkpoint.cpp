#include "weft/checkpoint/checkpoint.hpp"

#include <array>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "weft/base/error.hpp"
#include "weft/checkpoint/safetensors.hpp"
#include "weft/checkpoint/staged_directory.hpp"

namespace weft::checkpoint {
namespace fs = std::filesystem;

namespace {

constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kOptimizerFile = "optimizer.safetensors";

/// Where the bits of a stored tensor go.
struct Target {
  std::string name;
  TensorView value;
};

std::vector<Target> targets_of(const model::ParameterSet& parameters) {
  std::vector<Target> targets;
  for (const model::Parameter& parameter : parameters.all()) {
    targets.push_back({parameter.name, parameter.main});
  }
  return targets;
}

std::vector<Target> targets_of(const optim::Optimizer& optimizer) {
  std::vector<Target> targets;
  for (const optim::StateTensor& tensor : optimizer.state()) {
    targets.push_back({tensor.name, tensor.value});
  }
  return targets;
}

void write_targets(const fs::path& path, const std::vector<Target>& targets, const Stream& stream) {
  std::vector<NamedTensor> tensors;
  for (const Target& target : targets) tensors.push_back({target.name, target.value});
  write_safetensors(path, tensors, {{"format", "pt"}}, stream);
}

/// The flags that decide whether a tensor exists and what its shape is.
std::string hint_for(std::string_view tensor) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kFlags = {{
      {"word_embeddings", "--hidden-size and the tokenizer's files"},
      {"position_embeddings",
       "--position-embedding-type, --max-position-embeddings and --hidden-size"},
      {"output_layer", "--untie-embeddings-and-output-weights and --hidden-size"},
      {"linear_qkv", "--num-layers, --hidden-size, --num-attention-heads and --num-query-groups"},
      {"linear_proj", "--num-layers, --hidden-size and --num-attention-heads"},
      {"linear_fc", "--num-layers, --hidden-size, --ffn-hidden-size and --swiglu"},
      {"q_layernorm", "--qk-layernorm"},
      {"k_layernorm", "--qk-layernorm"},
  }};
  std::string_view flags = "--num-layers and --hidden-size";
  for (const auto& [part, deciding] : kFlags) {
    if (tensor.find(part) != std::string_view::npos) flags = deciding;
  }
  const bool is_state = tensor.starts_with("optimizer.");
  return fmt::format("{}{} as in the run that saved the checkpoint",
                     is_state ? "--optimizer, " : "", flags);
}

/// Every target is in the file with its type and shape, and nothing else is.
void check_targets(const SafetensorsFile& file, const std::vector<Target>& targets) {
  std::set<std::string_view> wanted;
  for (const Target& target : targets) {
    file.expect(target.name, target.value, hint_for(target.name));
    wanted.insert(target.name);
  }
  for (const auto& [name, entry] : file.tensors()) {
    if (wanted.contains(name)) continue;
    fail_with_hint(ErrorKind::checkpoint, hint_for(name), "{} has tensor {}, which this run lacks",
                   file.path().string(), name);
  }
}

void read_targets(const SafetensorsFile& file, const std::vector<Target>& targets,
                  const Stream& stream) {
  for (const Target& target : targets) file.read(target.name, target.value, stream);
}

}  // namespace

void save_model(const fs::path& root, TrainState state, const model::ParameterSet& parameters,
                const optim::Optimizer* optimizer) {
  StagedDirectory directory(iteration_directory(root, state.iteration));
  write_targets(directory.path() / kModelFile, targets_of(parameters), parameters.stream());
  state.optimizer_steps = 0;
  if (optimizer != nullptr) {
    write_targets(directory.path() / kOptimizerFile, targets_of(*optimizer), parameters.stream());
    state.optimizer_steps = optimizer->num_steps();
    state.loss_scaler = optimizer->scaler_state();
  }
  write_state(directory.path(), state);
  directory.commit();
  write_latest_iteration(root, state.iteration);
}

std::optional<TrainState> load_model(const fs::path& root, model::ParameterSet& parameters,
                                     optim::Optimizer* optimizer,
                                     std::optional<int64_t> iteration) {
  std::optional<TrainState> state = load_state(root, iteration);
  if (!state) return std::nullopt;
  const fs::path directory = iteration_directory(root, state->iteration);

  const SafetensorsFile model_file(directory / kModelFile);
  const std::vector<Target> model_targets = targets_of(parameters);
  check_targets(model_file, model_targets);
  if (optimizer != nullptr) {
    const fs::path path = directory / kOptimizerFile;
    std::error_code unreachable;
    if (!fs::exists(path, unreachable) && !unreachable) {
      fail_with_hint(ErrorKind::checkpoint, "--no-load-optim or --finetune",
                     "{} has no {}: training cannot go on from it", directory.string(),
                     kOptimizerFile);
    }
    const SafetensorsFile optimizer_file(path);
    const std::vector<Target> optimizer_targets = targets_of(*optimizer);
    check_targets(optimizer_file, optimizer_targets);
    read_targets(optimizer_file, optimizer_targets, parameters.stream());
    optimizer->set_num_steps(state->optimizer_steps);
    optimizer->restore_scaler(state->loss_scaler);
  }
  read_targets(model_file, model_targets, parameters.stream());
  parameters.round_values();
  return state;
}

}  // namespace weft::checkpoint
