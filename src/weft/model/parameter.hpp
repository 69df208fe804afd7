#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/device/memory_resource.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::model {

/// One learned tensor. `value` and `grad` (the main gradient, fp32, summed over the microbatches of
/// a step) live in the ParameterSet's slabs.
struct Parameter {
  std::string name;  ///< Megatron's name, for example "decoder.layers.0.mlp.linear_fc1.weight"
  Shape shape;
  TensorView value;
  TensorView grad;
  float init_mean = 0.0F;       ///< initial values are normal with this mean
  float init_deviation = 0.0F;  ///< and this deviation (0: constant)

  /// Weight decay applies to matrices only: not to biases and not to 1-D tensors.
  bool decays() const { return shape.num_dims() > 1; }
};

/// Every parameter of a model in the order of Megatron's state, with values and gradients in one
/// slab each.
class ParameterSet {
 public:
  ParameterSet() = default;
  /// Allocates both slabs for `parameters`, whose views it fills in.
  explicit ParameterSet(std::vector<Parameter> parameters);

  std::vector<Parameter>& all() { return parameters_; }
  const std::vector<Parameter>& all() const { return parameters_; }
  /// Parameter of that name, or null.
  Parameter* find(const std::string& name);
  /// Parameter of that name; throws Error{internal} when there is none.
  Parameter& at(const std::string& name);
  int64_t num_elements() const;
  size_t size_bytes() const { return values_.size_bytes() + grads_.size_bytes(); }

  /// Fills every value from the Philox stream of (seed, parameter name): the same number for the
  /// same global element in every layout.
  void initialize(uint64_t seed);
  void zero_gradients();

 private:
  std::vector<Parameter> parameters_;
  Buffer values_;
  Buffer grads_;
};

}  // namespace weft::model
