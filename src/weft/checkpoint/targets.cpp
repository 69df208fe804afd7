#include "weft/checkpoint/targets.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <iterator>
#include <set>
#include <span>
#include <string_view>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::checkpoint {

namespace {

constexpr std::string_view kStatePrefix = "optimizer.state.";

/// The parameter that a tensor is or, as "optimizer.state.<kind>.<parameter>", belongs to.
std::string_view parameter_of(std::string_view tensor) {
  if (!tensor.starts_with(kStatePrefix)) return tensor;
  tensor.remove_prefix(kStatePrefix.size());
  return tensor.substr(tensor.find('.') + 1);
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
  const bool is_state = tensor.starts_with(kStatePrefix);
  return fmt::format("{}{} as in the run that saved the checkpoint",
                     is_state ? "--optimizer, " : "", flags);
}

/// Fails on a tensor that no rank has marked; `wanted_N` has a mark per name, in their order.
void check_all_wanted(const TensorFiles& files, Tensor wanted_N, comm::Communicator* ranks) {
  if (ranks != nullptr) ranks->all_reduce(wanted_N, comm::Reduction::max);
  const std::span<const uint8_t> marks = wanted_N.span<uint8_t>();
  const auto unknown = std::ranges::find(marks, 0);
  if (unknown == marks.end()) return;
  const std::string& name = std::next(files.places().begin(), unknown - marks.begin())->first;
  fail_with_hint(ErrorKind::checkpoint, hint_for(name), "{} has tensor {}, which this run lacks",
                 files.path().string(), name);
}

}  // namespace

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

std::vector<NamedTensor> without_copies(const std::vector<Target>& targets,
                                        const model::ParameterSet& parameters) {
  std::set<std::string_view> copies;
  for (const model::Parameter& parameter : parameters.all()) {
    if (parameter.is_copy) copies.insert(parameter.name);
  }
  std::vector<NamedTensor> tensors;
  for (const Target& target : targets) {
    if (!copies.contains(parameter_of(target.name))) tensors.push_back({target.name, target.value});
  }
  return tensors;
}

void check_targets(TensorFiles& files, const std::vector<Target>& targets,
                   comm::Communicator* ranks) {
  std::set<std::string_view> wanted;
  for (const Target& target : targets) {
    files.expect(target.name, target.value, hint_for(target.name));
    wanted.insert(target.name);
  }
  if (files.places().empty()) return;
  Tensor wanted_N({std::ssize(files.places())}, DType::u8);
  auto mark = wanted_N.span<uint8_t>().begin();
  for (const auto& [name, file] : files.places()) *mark++ = wanted.contains(name) ? 1 : 0;
  check_all_wanted(files, std::move(wanted_N), ranks);
}

void read_targets(TensorFiles& files, const std::vector<Target>& targets, const Stream& stream) {
  for (const Target& target : targets) files.read(target.name, target.value, stream);
}

}  // namespace weft::checkpoint
