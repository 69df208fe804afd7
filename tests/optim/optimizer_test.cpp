#include "weft/optim/optimizer.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>

#include "weft/base/error.hpp"

namespace weft::optim {
namespace {

using model::Parameter;
using model::ParameterSet;

/// A step's arithmetic in fp64, written for reading (reference/megatron.md 6.3).
class ReferenceOptimizer {
 public:
  ReferenceOptimizer(OptimizerConfig config, const ParameterSet& parameters) : config_(config) {
    for (const Parameter& parameter : parameters.all()) {
      const auto values = parameter.value.span<float>();
      slots_.push_back({{values.begin(), values.end()},
                        std::vector<double>(values.size(), 0.0),
                        std::vector<double>(values.size(), 0.0),
                        parameter.shape.num_dims() > 1});
    }
  }

  double step(const ParameterSet& parameters, double lr, double weight_decay) {
    double squares = 0.0;
    for (const Parameter& parameter : parameters.all()) {
      for (const double g : parameter.grad.span<float>()) squares += g * g;
    }
    const double norm = std::sqrt(squares);
    double scale = 1.0;
    if (config_.clip_grad > 0.0) scale = std::min(1.0, config_.clip_grad / (norm + 1e-6));
    ++t_;
    for (size_t k = 0; k < slots_.size(); ++k) {
      const auto grad = parameters.all()[k].grad.span<float>();
      const double decay = slots_[k].decays ? weight_decay : 0.0;
      for (size_t i = 0; i < grad.size(); ++i) update(slots_[k], i, grad[i] * scale, lr, decay);
    }
    return norm;
  }

  const std::vector<double>& values(size_t k) const { return slots_[k].p; }

 private:
  struct Slot {
    std::vector<double> p, m, v;
    bool decays;
  };

  void update(Slot& slot, size_t i, double g, double lr, double decay) const {
    double& p = slot.p[i];
    double& m = slot.m[i];
    double& v = slot.v[i];
    if (config_.optimizer == "sgd") {
      g += decay * p;
      m = t_ == 1 ? g : config_.sgd_momentum * m + g;
      p -= lr * m;
      return;
    }
    const double decoupled = config_.decoupled_weight_decay ? decay * p : 0.0;
    if (!config_.decoupled_weight_decay) g += decay * p;
    m = config_.adam_beta1 * m + (1.0 - config_.adam_beta1) * g;
    v = config_.adam_beta2 * v + (1.0 - config_.adam_beta2) * g * g;
    const double m_hat = m / (1.0 - std::pow(config_.adam_beta1, t_));
    const double v_hat = v / (1.0 - std::pow(config_.adam_beta2, t_));
    p -= lr * (m_hat / (std::sqrt(v_hat) + config_.adam_eps) + decoupled);
  }

  OptimizerConfig config_;
  std::vector<Slot> slots_;
  int t_ = 0;
};

Parameter make_parameter(std::string name, Shape shape) {
  Parameter parameter;
  parameter.name = std::move(name);
  parameter.shape = shape;
  return parameter;
}

void fill_random(TensorView view, uint32_t seed, float deviation) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> normal(0.0F, deviation);
  for (float& value : view.span<float>()) value = normal(generator);
}

/// Matrices and vectors of odd sizes in an order that is not the order of their names.
ParameterSet make_parameters() {
  ParameterSet parameters({make_parameter("b.weight", {7, 5}), make_parameter("b.bias", {5}),
                           make_parameter("a.weight", {1025, 67}), make_parameter("c.weight", {1}),
                           make_parameter("a.scale", {1, 1})});
  uint32_t seed = 1;
  for (Parameter& parameter : parameters.all()) fill_random(parameter.value, seed++, 1.0F);
  return parameters;
}

void fill_gradients(ParameterSet& parameters, int step, float deviation) {
  uint32_t seed = 1000 + 100 * static_cast<uint32_t>(step);
  for (Parameter& parameter : parameters.all()) fill_random(parameter.grad, seed++, deviation);
}

std::vector<float> all_values(const ParameterSet& parameters) {
  std::vector<float> values;
  for (const Parameter& parameter : parameters.all()) {
    const auto span = parameter.value.span<float>();
    values.insert(values.end(), span.begin(), span.end());
  }
  return values;
}

struct Case {
  const char* name;
  OptimizerConfig config;
};

class OptimizerCase : public ::testing::TestWithParam<Case> {
 protected:
  Stream stream_;
  kernels::Context context_{stream_, {}};
};

TEST_P(OptimizerCase, FollowsTheReferenceOverSeveralSteps) {
  ParameterSet parameters = make_parameters();
  ReferenceOptimizer reference(GetParam().config, parameters);
  Optimizer optimizer(GetParam().config, parameters);
  for (int step = 0; step < 6; ++step) {
    // Norms on both sides of the clipping threshold.
    fill_gradients(parameters, step, step % 2 == 0 ? 0.3F : 0.002F);
    const double lr = 0.01 * (step + 1);
    const double expected_norm = reference.step(parameters, lr, 0.1);
    const StepResult result = optimizer.step(context_, {lr, 0.1});
    EXPECT_FALSE(result.skipped);
    EXPECT_NEAR(result.grad_norm, expected_norm, 1e-12 * expected_norm);
    for (size_t k = 0; k < parameters.all().size(); ++k) {
      const auto values = parameters.all()[k].value.span<float>();
      for (size_t i = 0; i < values.size(); ++i) {
        const double expected = reference.values(k)[i];
        ASSERT_NEAR(values[i], expected, 2e-6 + 2e-6 * std::abs(expected))
            << "step " << step << " " << parameters.all()[k].name << "[" << i << "]";
      }
    }
  }
  EXPECT_EQ(optimizer.num_steps(), 6);
}

OptimizerConfig make_config(const char* optimizer, double clip, double momentum, bool decoupled) {
  OptimizerConfig config;
  config.optimizer = optimizer;
  config.adam_beta2 = 0.95;
  config.clip_grad = clip;
  config.sgd_momentum = momentum;
  config.decoupled_weight_decay = decoupled;
  return config;
}

INSTANTIATE_TEST_SUITE_P(
    All, OptimizerCase,
    ::testing::Values(Case{"adam_clip", make_config("adam", 1.0, 0.9, true)},
                      Case{"adam_no_clip", make_config("adam", 0.0, 0.9, true)},
                      Case{"adam_coupled", make_config("adam", 1.0, 0.9, false)},
                      Case{"sgd_clip", make_config("sgd", 1.0, 0.9, true)},
                      Case{"sgd_no_clip", make_config("sgd", 0.0, 0.5, true)},
                      Case{"sgd_plain", make_config("sgd", 1.0, 0.0, true)}),
    [](const auto& test) { return std::string(test.param.name); });

class OptimizerTest : public ::testing::Test {
 protected:
  Stream stream_;
  kernels::Context context_{stream_, {}};
  ParameterSet parameters_ = make_parameters();
};

TEST_F(OptimizerTest, DecaysMatricesOnly) {
  Optimizer optimizer({}, parameters_);
  const std::vector<float> before = all_values(parameters_);
  optimizer.step(context_, {0.1, 0.5});  // gradients are zero
  const std::vector<float> after = all_values(parameters_);
  size_t i = 0;
  for (const Parameter& parameter : parameters_.all()) {
    const float factor = parameter.shape.num_dims() > 1 ? 0.95F : 1.0F;
    for (int64_t k = 0; k < parameter.shape.num_elements(); ++k, ++i) {
      ASSERT_FLOAT_EQ(after[i], before[i] * factor) << parameter.name;
    }
  }
}

TEST_F(OptimizerTest, NonFiniteGradientsChangeNothing) {
  Optimizer optimizer({}, parameters_);
  fill_gradients(parameters_, 0, 1.0F);
  optimizer.step(context_, {0.1, 0.1});
  const std::vector<float> before = all_values(parameters_);
  const std::vector<float> state(optimizer.state()[0].value.span<float>().begin(),
                                 optimizer.state()[0].value.span<float>().end());
  for (const float bad :
       {std::numeric_limits<float>::quiet_NaN(), -std::numeric_limits<float>::infinity()}) {
    parameters_.at("b.bias").grad.span<float>()[4] = bad;
    parameters_.at("c.weight").grad.span<float>()[0] = bad;
    const StepResult result = optimizer.step(context_, {0.1, 0.1});
    EXPECT_TRUE(result.skipped);
    EXPECT_FALSE(std::isfinite(result.grad_norm));
    EXPECT_EQ(result.non_finite, "b.bias");
    EXPECT_EQ(optimizer.num_steps(), 1);
    EXPECT_EQ(all_values(parameters_), before);
    EXPECT_TRUE(std::ranges::equal(optimizer.state()[0].value.span<float>(), state));
  }
}

TEST_F(OptimizerTest, HugeGradientsAreClippedNotSkipped) {
  Optimizer optimizer({}, parameters_);
  const std::vector<float> before = all_values(parameters_);
  for (Parameter& parameter : parameters_.all()) {
    std::ranges::fill(parameter.grad.span<float>(), 1e30F);
  }
  const StepResult result = optimizer.step(context_, {0.001, 0.0});
  EXPECT_FALSE(result.skipped);
  EXPECT_NEAR(result.grad_norm / 1e30, std::sqrt(static_cast<double>(parameters_.num_elements())),
              1e-4);
  const std::vector<float> after = all_values(parameters_);
  for (size_t i = 0; i < after.size(); ++i) ASSERT_NEAR(after[i], before[i] - 0.001F, 1e-5F);
}

TEST_F(OptimizerTest, EmbeddingAndOutputFollowTheDecoupledRate) {
  for (const char* kind : {"adam", "sgd"}) {
    std::map<std::string, std::vector<float>> moved[2];
    for (const bool decoupled : {false, true}) {
      ParameterSet parameters = make_parameters();
      parameters.at("a.weight").embedding_or_output = true;
      fill_gradients(parameters, 0, 1.0F);
      Optimizer optimizer(make_config(kind, 0.0, 0.9, true), parameters);
      StepRates rates{.learning_rate = 0.1, .weight_decay = 0.1};
      if (decoupled) rates.decoupled_learning_rate = 0.0;
      optimizer.step(context_, rates);
      for (const Parameter& parameter : parameters.all()) {
        const auto values = parameter.main.span<float>();
        moved[decoupled ? 1 : 0][parameter.name].assign(values.begin(), values.end());
      }
    }
    const ParameterSet before = make_parameters();
    for (const Parameter& parameter : before.all()) {
      const auto values = parameter.main.span<float>();
      const bool own = parameter.name == "a.weight";
      EXPECT_EQ(moved[0][parameter.name] == moved[1][parameter.name], !own) << parameter.name;
      EXPECT_EQ(std::ranges::equal(moved[1][parameter.name], values), own) << parameter.name;
    }
  }
}

TEST_F(OptimizerTest, CountsZerosAndReportsNorms) {
  Optimizer optimizer({}, parameters_);
  parameters_.at("b.weight").grad.span<float>()[3] = -3.0F;
  parameters_.at("b.bias").grad.span<float>()[0] = 4.0F;
  const double squares = [&] {
    double sum = 0.0;
    for (const double value : all_values(parameters_)) sum += value * value;
    return sum;
  }();
  EXPECT_NEAR(optimizer.params_norm(context_), std::sqrt(squares), 1e-10);
  const StepResult result = optimizer.step(context_, {0.0, 0.0});
  EXPECT_DOUBLE_EQ(result.grad_norm, 5.0);
  EXPECT_EQ(result.num_zeros, parameters_.num_elements() - 2);
}

TEST_F(OptimizerTest, NormDoesNotDependOnTheOrderOfParameters) {
  // One large square and four that it swallows one by one, but not when they are added first.
  for (Parameter& parameter : parameters_.all()) {
    parameter.grad.span<float>()[0] = std::ldexp(0.99F, -26);
  }
  parameters_.all()[0].grad.span<float>()[0] = 1.9375F;
  std::vector<Parameter> reversed = parameters_.all();
  std::ranges::reverse(reversed);
  ParameterSet other(reversed);
  for (Parameter& parameter : other.all()) {
    std::ranges::copy(parameters_.at(parameter.name).grad.span<float>(),
                      parameter.grad.span<float>().begin());
  }
  const double norm = Optimizer({}, parameters_).step(context_, {0.0, 0.0}).grad_norm;
  EXPECT_EQ(Optimizer({}, other).step(context_, {0.0, 0.0}).grad_norm, norm);
}

TEST_F(OptimizerTest, ThreadsChangeNoBit) {
  const int threads_before = kernels::num_threads();
  const auto run = [&](int threads) {
    kernels::set_num_threads(threads);
    ParameterSet parameters = make_parameters();
    Optimizer optimizer({}, parameters);
    for (int step = 0; step < 3; ++step) {
      fill_gradients(parameters, step, 1.0F);
      optimizer.step(context_, {0.01, 0.1});
    }
    return all_values(parameters);
  };
  const std::vector<float> one = run(1);
  EXPECT_EQ(run(3), one);
  kernels::set_num_threads(threads_before);
}

TEST_F(OptimizerTest, ContinuesFromRestoredState) {
  ParameterSet other = make_parameters();
  Optimizer first({}, parameters_);
  fill_gradients(parameters_, 0, 1.0F);
  first.step(context_, {0.01, 0.1});

  Optimizer second({}, other);
  for (size_t k = 0; k < other.all().size(); ++k) {
    std::ranges::copy(parameters_.all()[k].value.span<float>(),
                      other.all()[k].value.span<float>().begin());
  }
  const std::vector<StateTensor> from = first.state();
  const std::vector<StateTensor> to = second.state();
  ASSERT_EQ(from.size(), 2 * parameters_.all().size());
  EXPECT_EQ(from[0].name, "optimizer.state.exp_avg.b.weight");
  EXPECT_EQ(from[1].name, "optimizer.state.exp_avg_sq.b.weight");
  for (size_t k = 0; k < from.size(); ++k) {
    ASSERT_EQ(from[k].name, to[k].name);
    std::ranges::copy(from[k].value.span<float>(), to[k].value.span<float>().begin());
  }
  second.set_num_steps(first.num_steps());

  fill_gradients(parameters_, 1, 1.0F);
  fill_gradients(other, 1, 1.0F);
  first.step(context_, {0.01, 0.1});
  second.step(context_, {0.01, 0.1});
  EXPECT_EQ(all_values(other), all_values(parameters_));
}

TEST_F(OptimizerTest, StateMatchesTheOptimizer) {
  OptimizerConfig config;
  config.optimizer = "sgd";
  Optimizer momentum(config, parameters_);
  ASSERT_EQ(momentum.state().size(), parameters_.all().size());
  EXPECT_EQ(momentum.state()[1].name, "optimizer.state.momentum_buffer.b.bias");
  config.sgd_momentum = 0.0;
  Optimizer plain(config, parameters_);
  EXPECT_TRUE(plain.state().empty());
  EXPECT_EQ(plain.state_bytes(), 0U);
}

TEST_F(OptimizerTest, RefusesInvalidConstants) {
  EXPECT_TRUE(validate(OptimizerConfig{}).empty());
  OptimizerConfig config;
  config.optimizer = "lion";
  config.adam_beta1 = 1.0;
  config.adam_beta2 = -0.1;
  config.adam_eps = -1e-8;
  config.sgd_momentum = 1.5;
  config.clip_grad = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::string> errors = validate(config);
  const char* flags[] = {"--optimizer", "--adam-beta1",   "--adam-beta2",
                         "--adam-eps",  "--sgd-momentum", "--clip-grad"};
  ASSERT_EQ(errors.size(), std::size(flags));
  for (size_t i = 0; i < errors.size(); ++i) EXPECT_EQ(errors[i].find(flags[i]), 0U) << errors[i];
  EXPECT_THROW(Optimizer(config, parameters_), Error);
}

}  // namespace
}  // namespace weft::optim
