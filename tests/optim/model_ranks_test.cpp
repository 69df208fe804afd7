// The optimizer where several ranks hold a model together.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "weft/comm/communicator.hpp"
#include "weft/comm/thread_world.hpp"
#include "weft/optim/optimizer.hpp"

namespace weft::optim {
namespace {

using model::Parameter;
using model::ParameterSet;

/// Parameters called `names` with gradients that depend on the name alone.
ParameterSet parameters_called(const std::vector<std::string>& names) {
  std::vector<Parameter> list;
  for (const std::string& name : names) {
    list.push_back({.name = name, .shape = {7, 300}, .value = {}, .main = {}, .grad = {}});
  }
  ParameterSet parameters(std::move(list));
  parameters.initialize(3);
  for (Parameter& parameter : parameters.all()) {
    std::mt19937 random(static_cast<unsigned>(parameter.name.back()));
    std::normal_distribution<float> normal;
    for (float& value : parameter.grad.span<float>()) value = normal(random);
    parameter.grad.span<float>()[5] = 0.0F;
  }
  return parameters;
}

TEST(ModelRanks, RanksThatShareAModelHaveTheBitsOfOne) {
  OptimizerConfig config;
  config.clip_grad = 0.5;
  Stream stream;
  ParameterSet whole = parameters_called({"c", "a", "d", "b"});
  Optimizer alone(config, whole);
  const kernels::Context context{stream, {}};
  const StepResult expected = alone.step(context, {.learning_rate = 1e-2});
  EXPECT_EQ(expected.num_zeros, 4);

  RecordingLogger logger;
  comm::ThreadWorld(logger, 1).run(2, [&](comm::RankContext& rank) {
    // The second rank has a copy of "a", which only the first one counts.
    ParameterSet part =
        rank.is_first() ? parameters_called({"c", "a"}) : parameters_called({"a", "d", "b"});
    part.at("a").is_copy = !rank.is_first();
    Optimizer optimizer(config, part, host_memory(),
                        {.ranks = &rank.world(), .parameters = {"a", "b", "c", "d"}});
    Stream own_stream;
    const kernels::Context own{own_stream, {}};
    const StepResult result = optimizer.step(own, {.learning_rate = 1e-2});
    EXPECT_EQ(result.grad_norm, expected.grad_norm);
    EXPECT_EQ(result.num_zeros, expected.num_zeros);
    EXPECT_EQ(optimizer.params_norm(own), alone.params_norm(context));
    for (const Parameter& parameter : part.all()) {
      EXPECT_TRUE(std::ranges::equal(parameter.main.span<float>(),
                                     whole.at(parameter.name).main.span<float>()))
          << parameter.name;
    }

    // What one rank cannot use, none uses; all know its name.
    if (!rank.is_first()) {
      part.at("b").grad.span<float>()[0] = std::numeric_limits<float>::infinity();
    }
    const StepResult skipped = optimizer.step(own, {.learning_rate = 1e-2});
    EXPECT_TRUE(skipped.skipped);
    EXPECT_EQ(skipped.non_finite, "b");
  });
}

}  // namespace
}  // namespace weft::optim
