#include "weft/optim/optimizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/tensor/arena.hpp"

namespace weft::optim {

namespace {

/// The place of a parameter that another rank counts.
constexpr size_t kCopy = SIZE_MAX;

/// Bytes of a slab that holds one aligned fp32 tensor per parameter.
size_t slab_bytes(const model::ParameterSet& parameters) {
  Arena counting;
  for (const model::Parameter& parameter : parameters.all()) counting.take(parameter.shape);
  return counting.used_bytes();
}

}  // namespace

int64_t num_states(const OptimizerConfig& config) {
  if (config.optimizer == "adam") return 2;
  return config.sgd_momentum > 0.0 ? 1 : 0;
}

size_t decision_bytes(size_t num_parameters, size_t num_model_parameters) {
  const auto lists = [](size_t count) {
    return aligned_size(count * sizeof(double)) + aligned_size(count * sizeof(int64_t));
  };
  const bool is_part = num_parameters != num_model_parameters;
  return aligned_size(sizeof(kernels::GradientGate)) + lists(num_parameters) +
         (is_part ? lists(num_model_parameters) : 0);
}

std::vector<std::string> validate(const OptimizerConfig& config) {
  std::vector<std::string> errors;
  const auto require = [&](bool holds, const char* flag, double value, const char* expected) {
    if (!holds) errors.push_back(fmt::format("{} is {}; expected {}", flag, value, expected));
  };
  if (config.optimizer != "adam" && config.optimizer != "sgd") {
    errors.push_back(fmt::format("--optimizer is {}; expected adam or sgd", config.optimizer));
  }
  // Written so that NaN breaks every rule.
  const auto is_decay = [](double value) { return value >= 0.0 && value < 1.0; };
  const char* decay = "a number from 0 to below 1";
  require(is_decay(config.adam_beta1), "--adam-beta1", config.adam_beta1, decay);
  require(is_decay(config.adam_beta2), "--adam-beta2", config.adam_beta2, decay);
  require(config.adam_eps >= 0.0, "--adam-eps", config.adam_eps, "a number of at least 0");
  require(is_decay(config.sgd_momentum), "--sgd-momentum", config.sgd_momentum, decay);
  require(config.clip_grad >= 0.0, "--clip-grad", config.clip_grad,
          "a number of at least 0 (0: no clipping)");
  for (std::string& error : config.loss_scale.validate()) errors.push_back(std::move(error));
  return errors;
}

Optimizer::Optimizer(OptimizerConfig config, model::ParameterSet& parameters,
                     MemoryResource& memory, ModelRanks model)
    : config_(std::move(config)), scaler_(config_.loss_scale), model_(std::move(model)) {
  const std::vector<std::string> errors = validate(config_);
  check(errors.empty(), ErrorKind::usage, "{}", errors.empty() ? "" : errors.front());

  const size_t bytes = slab_bytes(parameters);
  if (num_states(config_) > 0) first_ = Buffer(bytes, memory);
  if (num_states(config_) > 1) second_ = Buffer(bytes, memory);
  // An arena without memory hands out empty views, which is what an absent state is.
  Arena first(first_.data(), first_.size_bytes());
  Arena second(second_.data(), second_.size_bytes());
  slots_.reserve(parameters.all().size());
  for (model::Parameter& parameter : parameters.all()) {
    slots_.push_back({&parameter, first.take(parameter.shape), second.take(parameter.shape)});
  }
  for (const Slot& slot : slots_) name_order_.push_back(&slot);
  std::ranges::sort(name_order_, {}, [](const Slot* slot) { return slot->parameter->name; });
  for (const Slot* slot : name_order_) gradients_.emplace_back(slot->parameter->grad);
  const bool is_part = model_.ranks != nullptr;
  for (const Slot* slot : name_order_) {
    if (!is_part) break;
    const auto found = std::ranges::lower_bound(model_.parameters, slot->parameter->name);
    places_.push_back(
        slot->parameter->is_copy ? kCopy : static_cast<size_t>(found - model_.parameters.begin()));
  }
  const size_t model_count = is_part ? model_.parameters.size() : slots_.size();
  zeros_.resize(model_count);
  decision_ = Buffer(decision_bytes(slots_.size(), model_count), memory);
  Arena decision(decision_.data(), decision_.size_bytes());
  const auto count = static_cast<int64_t>(slots_.size());
  gate_ = reinterpret_cast<kernels::GradientGate*>(
      decision.take({static_cast<int64_t>(sizeof(kernels::GradientGate))}, DType::u8).raw());
  sums_N_ = own_sums_N_ = decision.take({count}, DType::f64);
  zeros_N_ = own_zeros_N_ = decision.take({count}, DType::i64);
  if (model_count == slots_.size()) return;
  sums_N_ = decision.take({static_cast<int64_t>(model_count)}, DType::f64);
  zeros_N_ = decision.take({static_cast<int64_t>(model_count)}, DType::i64);
}

StepResult Optimizer::step(const kernels::Context& context, const StepRates& rates) {
  enqueue_step(context, rates);
  return finish_step(context.stream);
}

void Optimizer::enqueue_step(const kernels::Context& context, const StepRates& rates) {
  kernels::tensor_square_sums(context, gradients_, own_sums_N_);
  kernels::tensor_zero_counts(context, gradients_, own_zeros_N_);
  share(own_sums_N_, sums_N_);
  share(own_zeros_N_, zeros_N_);
  kernels::gate_gradients(context, sums_N_, loss_scale(), config_.clip_grad, gate_);
  update(context, rates);
}

StepResult Optimizer::finish_step(const Stream& stream) {
  kernels::GradientGate gate;
  stream.download(gate_, &gate, sizeof gate);
  stream.download(zeros_N_.raw(), zeros_.data(), zeros_N_.size_bytes());
  StepResult result{.loss_scale = loss_scale(), .grad_norm = gate.norm, .non_finite = {}};
  if (gate.non_finite >= 0) {
    result.skipped = true;
    const auto index = static_cast<size_t>(gate.non_finite);
    result.non_finite =
        model_.ranks != nullptr ? model_.parameters[index] : name_order_[index]->parameter->name;
  } else {
    result.num_zeros = std::reduce(zeros_.begin(), zeros_.end());
    ++num_steps_;
  }
  scaler_.update(result.skipped);
  return result;
}

void Optimizer::share(TensorView own_N, TensorView all_N) const {
  if (model_.ranks == nullptr) return;
  // Every sum comes from one rank and the others add zero: its bits stay.
  const auto* first = static_cast<const std::byte*>(own_N.raw());
  const std::vector<std::byte> own(first, first + own_N.size_bytes());
  auto* all = static_cast<std::byte*>(all_N.raw());
  std::memset(all, 0, all_N.size_bytes());
  const size_t bytes = size_of(all_N.dtype());
  for (size_t i = 0; i < places_.size(); ++i) {
    if (places_[i] == kCopy) continue;
    std::memcpy(all + places_[i] * bytes, own.data() + i * bytes, bytes);
  }
  model_.ranks->all_reduce(all_N);
}

void Optimizer::update(const kernels::Context& context, const StepRates& rates) {
  // The number of this step, should the gate not skip it.
  const int64_t step = num_steps_ + 1;
  const auto steps = static_cast<double>(step);
  kernels::AdamWStep adam;
  adam.beta1 = static_cast<float>(config_.adam_beta1);
  adam.beta2 = static_cast<float>(config_.adam_beta2);
  adam.epsilon = static_cast<float>(config_.adam_eps);
  // From the rounded betas, which the kernel's averages use: the first update is then exact.
  adam.bias_correction1 = static_cast<float>(1.0 - std::pow(double{adam.beta1}, steps));
  adam.bias_correction2 = static_cast<float>(1.0 - std::pow(double{adam.beta2}, steps));
  adam.decoupled = config_.decoupled_weight_decay;
  const float momentum = static_cast<float>(config_.sgd_momentum);

  for (const Slot& slot : slots_) {
    const model::Parameter& parameter = *slot.parameter;
    const TensorView low = parameter.value.dtype() == DType::f32 ? TensorView() : parameter.value;
    const float decay = parameter.decays() ? static_cast<float>(rates.weight_decay) : 0.0F;
    const bool decoupled = parameter.embedding_or_output && rates.decoupled_learning_rate;
    const auto learning_rate =
        static_cast<float>(decoupled ? *rates.decoupled_learning_rate : rates.learning_rate);
    if (is_adam()) {
      adam.learning_rate = learning_rate;
      adam.weight_decay = decay;
      kernels::adamw(context, adam, gate_, parameter.grad, parameter.main, slot.first, slot.second,
                     low);
    } else {
      kernels::sgd(context, learning_rate, momentum, decay, step == 1, gate_, parameter.grad,
                   parameter.main, slot.first, low);
    }
  }
}

double Optimizer::params_norm(const kernels::Context& context) const {
  std::vector<ConstTensorView> mains;
  for (const Slot* slot : name_order_) mains.emplace_back(slot->parameter->main);
  std::vector<double> own(mains.size());
  kernels::sums_of_squares(context, mains, own);
  std::vector<double> all = own;
  if (model_.ranks != nullptr) {
    all.resize(model_.parameters.size());
    const auto view = [](std::vector<double>& sums) {
      return TensorView(sums.data(), DType::f64, {static_cast<int64_t>(sums.size())});
    };
    share(view(own), view(all));
  }
  return std::sqrt(std::accumulate(all.begin(), all.end(), 0.0));
}

std::vector<StateTensor> Optimizer::state() const {
  std::vector<StateTensor> tensors;
  const char* first_name = is_adam() ? "exp_avg" : "momentum_buffer";
  for (const Slot& slot : slots_) {
    const std::string& name = slot.parameter->name;
    if (!slot.first.empty()) {
      tensors.push_back({fmt::format("optimizer.state.{}.{}", first_name, name), slot.first});
    }
    if (!slot.second.empty()) {
      tensors.push_back({fmt::format("optimizer.state.exp_avg_sq.{}", name), slot.second});
    }
  }
  return tensors;
}

}  // namespace weft::optim
