#pragma once

#include <string>
#include <vector>

#include "weft/checkpoint/safetensors.hpp"
#include "weft/checkpoint/tensor_files.hpp"
#include "weft/comm/communicator.hpp"
#include "weft/model/parameter.hpp"
#include "weft/optim/optimizer.hpp"

namespace weft::checkpoint {

/// Where the bits of a stored tensor are or go.
struct Target {
  std::string name;
  TensorView value;
};

/// The main value of every parameter.
std::vector<Target> targets_of(const model::ParameterSet& parameters);
/// The optimizer's state.
std::vector<Target> targets_of(const optim::Optimizer& optimizer);

/// What this rank stores of `targets`: not what is, or belongs to, its copy of a parameter.
std::vector<NamedTensor> without_copies(const std::vector<Target>& targets,
                                        const model::ParameterSet& parameters);

/// Throws Error{checkpoint}, naming tensor and flag, unless every target is in the files with its
/// type and shape and everything in the files is a target of one of `ranks`. All of them call it;
/// null stands for this one alone.
void check_targets(TensorFiles& files, const std::vector<Target>& targets,
                   comm::Communicator* ranks);

/// Fills the targets, which are in the memory of the device of `stream`.
void read_targets(TensorFiles& files, const std::vector<Target>& targets, const Stream& stream);

}  // namespace weft::checkpoint
