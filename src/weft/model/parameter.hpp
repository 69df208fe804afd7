#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/device/memory_resource.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::model {

/// One learned tensor. Its views live in the ParameterSet's slabs.
struct Parameter {
  std::string name;  ///< Megatron's name, for example "decoder.layers.0.mlp.linear_fc1.weight"
  Shape shape;
  TensorView value;        ///< what the model computes with, in the model's element type
  TensorView main;         ///< fp32, what the optimizer updates; in an fp32 model the same as value
  TensorView grad;         ///< fp32, summed over the microbatches of a step
  float init_mean = 0.0F;  ///< initial values are normal with this mean
  float init_deviation = 0.0F;       ///< and this deviation (0: constant)
  float init_bound = 0.0F;           ///< above 0: uniform instead, at most this far from the mean
  bool embedding_or_output = false;  ///< the word embedding or the output matrix
  /// Another rank holds the same parameter, and it is that one's that norms and files count.
  bool is_copy = false;
  /// Whether all that adds to the gradient writes it instead when it is stale (Linear).
  bool write_first = false;
  bool grad_is_stale = false;  ///< the gradient is still that of the step before

  /// Weight decay applies to matrices only: not to biases and not to 1-D tensors.
  bool decays() const { return shape.num_dims() > 1; }
};

/// Bytes of the slabs of a ParameterSet.
struct ParameterSizes {
  size_t value_bytes = 0;  ///< 0 in an fp32 model, whose values are the main values
  size_t main_bytes = 0;   ///< of the main values, and as many of the gradients
  size_t count = 0;        ///< parameters
};

/// Sizes of the slabs of `parameters` with values of type `dtype`.
ParameterSizes slab_sizes(const std::vector<Parameter>& parameters, DType dtype);

/// Every parameter of a model in the order of Megatron's state, with values and gradients in one
/// slab each.
class ParameterSet {
 public:
  ParameterSet() = default;
  /// Allocates the slabs for `parameters`, whose views it fills in; values are of type `dtype`.
  /// `memory` is that of the device of `stream`.
  explicit ParameterSet(std::vector<Parameter> parameters, DType dtype = DType::f32,
                        MemoryResource& memory = host_memory(), Stream stream = Stream());

  /// Where the slabs' kernels run.
  const Stream& stream() const { return stream_; }
  std::vector<Parameter>& all() { return parameters_; }
  const std::vector<Parameter>& all() const { return parameters_; }
  /// Parameter of that name, or null.
  Parameter* find(const std::string& name);
  /// Parameter of that name; throws Error{internal} when there is none.
  Parameter& at(const std::string& name);
  int64_t num_elements() const;
  size_t size_bytes() const {
    return values_.size_bytes() + mains_.size_bytes() + grads_.size_bytes();
  }

  /// Fills every main value from the Philox stream of (seed, parameter name): the same number for
  /// the same global element in every layout.
  void initialize(uint64_t seed);
  /// As initialize without drawing: what is random there becomes its mean.
  void initialize_means();
  /// Makes every value the rounded main value: after main values were set.
  void round_values();
  /// The start of a step: sets gradients to zero or, where what comes first writes them, marks them
  /// as stale.
  void start_gradients();
  /// All gradients, one after another with zeros between: what a reduction takes at once. f32.
  TensorView gradient_slab() const {
    return {grads_.data(), DType::f32, {static_cast<int64_t>(grads_.size_bytes() / sizeof(float))}};
  }
  /// The end of a step: sets gradients that nothing has come to to zero. Doing it twice changes
  /// nothing.
  void finish_gradients();

 private:
  std::vector<Parameter> parameters_;
  Stream stream_;
  Buffer values_;  ///< empty in an fp32 model
  Buffer mains_;
  Buffer grads_;
};

}  // namespace weft::model
