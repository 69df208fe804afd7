#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/comm/communicator.hpp"
#include "weft/device/memory_resource.hpp"
#include "weft/kernels/context.hpp"
#include "weft/kernels/gradient_gate.hpp"
#include "weft/model/parameter.hpp"
#include "weft/optim/optimizer_config.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::optim {

/// Every rule that `config` breaks, as sentences that name the flag; empty when it can be used.
std::vector<std::string> validate(const OptimizerConfig& config);

/// Bytes in which a step decides what happens, on a rank with `num_parameters` of the model's
/// `num_model_parameters`.
size_t decision_bytes(size_t num_parameters, size_t num_model_parameters);

/// State tensors that the optimizer keeps for each parameter.
int64_t num_states(const OptimizerConfig& config);

/// How far one step goes.
struct StepRates {
  double learning_rate = 0.0;
  double weight_decay = 0.0;  ///< of matrices
  /// Learning rate of the word embedding and the output matrix, where they have their own.
  std::optional<double> decoupled_learning_rate = std::nullopt;
};

/// What one step did.
struct StepResult {
  double loss_scale = 1.0;  ///< the loss was multiplied by it
  bool skipped = false;     ///< a gradient was not finite: neither parameters nor state changed
  double grad_norm = 0.0;   ///< L2 norm of all gradients before clipping; not finite when skipped
  int64_t num_zeros = 0;    ///< gradient elements that are exactly zero; 0 when skipped
  std::string non_finite;   ///< name of the first parameter whose gradient is not finite
};

/// One tensor of the optimizer's state, for example "optimizer.state.exp_avg.<parameter>".
struct StateTensor {
  std::string name;
  TensorView value;
};

/// The ranks that hold one model together, each some of its parameters.
struct ModelRanks {
  comm::Communicator* ranks = nullptr;       ///< null where one rank holds the whole model
  std::vector<std::string> parameters = {};  ///< names of the whole model's, ascending
};

/// AdamW or SGD over all parameters of a model (reference/megatron.md 6.3): updates the fp32 main
/// values and rounds them to the model's. The state is fp32, one slab per kind, zero at the start.
/// `parameters` must outlive the optimizer. Where several ranks hold the model, all of them make
/// the same calls: norms and zeros are those of the whole model and have the bits of one rank, and
/// a gradient that is not finite on any rank skips the step on all.
class Optimizer {
 public:
  /// Allocates the state. Throws Error{usage} when `config` is not valid.
  Optimizer(OptimizerConfig config, model::ParameterSet& parameters,
            MemoryResource& memory = host_memory(), ModelRanks model = {});

  /// What the loss of the next step is multiplied by.
  double loss_scale() const { return scaler_.scale(); }
  const LossScalerState& scaler_state() const { return scaler_.state(); }
  /// Continues the loss scale of a saved run.
  void restore_scaler(const LossScalerState& state) { scaler_.restore(state); }

  /// The context's workspace holds kernels::sums_workspace of the gradients.
  ///
  /// Updates every parameter from its gradient, which is that of loss_scale() times the loss: norm,
  /// clipping to clip_grad, weight decay on matrices only. Gradients are read, never changed; an
  /// overflow skips the update and tells the loss scaler. The same gradients give the same bits
  /// for any number of threads.
  StepResult step(const kernels::Context& context, const StepRates& rates);
  /// The first part of step, which waits for nothing: norm, clipping and skipping are decided where
  /// the gradients are.
  void enqueue_step(const kernels::Context& context, const StepRates& rates);
  /// The second part, which waits for the first. The loss scale and the count of steps follow.
  StepResult finish_step(const Stream& stream);

  /// L2 norm of all parameters, in the fixed order of the gradient norm.
  double params_norm(const kernels::Context& context) const;

  /// Successful steps so far: the t of Adam's bias corrections.
  int64_t num_steps() const { return num_steps_; }
  /// Continues a saved run.
  void set_num_steps(int64_t num_steps) { num_steps_ = num_steps; }

  /// The state in the order of the parameters: exp_avg and exp_avg_sq for adam, momentum_buffer for
  /// sgd with momentum, nothing for plain sgd.
  std::vector<StateTensor> state() const;
  size_t state_bytes() const { return first_.size_bytes() + second_.size_bytes(); }

 private:
  /// One parameter with its part of the slabs; views are empty where the optimizer has no state.
  struct Slot {
    model::Parameter* parameter;
    TensorView first;   ///< exp_avg or momentum_buffer
    TensorView second;  ///< exp_avg_sq
  };

  bool is_adam() const { return config_.optimizer == "adam"; }
  /// Makes a list with a number for each of this rank's parameters, in name_order_, one for each of
  /// the model's.
  void share(TensorView own_N, TensorView all_N) const;
  void update(const kernels::Context& context, const StepRates& rates);

  OptimizerConfig config_;
  LossScaler scaler_;
  Buffer first_;
  Buffer second_;
  std::vector<Slot> slots_;                 ///< in the order of the parameters
  std::vector<const Slot*> name_order_;     ///< the same in the order of the names: order of sums
  std::vector<ConstTensorView> gradients_;  ///< in name_order_
  ModelRanks model_;
  std::vector<size_t> places_;  ///< [name_order_] in the model's parameters; kCopy: not counted
  std::vector<int64_t> zeros_;  ///< of finish_step
  Buffer decision_;             ///< what follows, on the device
  kernels::GradientGate* gate_ = nullptr;
  TensorView own_sums_N_;   ///< of squares, one per parameter in name_order_
  TensorView own_zeros_N_;  ///< likewise
  TensorView sums_N_;       ///< one per parameter of the model; own_sums_N_ where that is the same
  TensorView zeros_N_;      ///< likewise
  int64_t num_steps_ = 0;
};

}  // namespace weft::optim
