// vectors/tiny_models.json: four AdamW steps of a whole GPT and a whole Llama against a float64
// reference, on the processor and, where there is one that a build with CUDA can use, on a GPU.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

#include "support/tiny_gpt.hpp"
#include "support/vectors.hpp"
#include "weft/device/device_choice.hpp"
#include "weft/model/gpt_parameters.hpp"
#include "weft/optim/optimizer.hpp"
#include "weft/pipeline/executor.hpp"
#include "weft/schedule/single_stage.hpp"

namespace weft::train {
namespace {

constexpr double kTolerance = 1e-5;  // relative

/// What the gradient norms of the steps become when the float64 reference keeps its weights in
/// fp32, as every fp32 trainer does, relative to the vector's, whose weights are float64: the Llama
/// amplifies a change of 3e-8 in its weights to 7.5e-6 in its fourth norm. Computed by
/// tools/parity/tiny_models.py.
constexpr std::array kGptRounding = {0.0, -0.1e-6, -0.1e-6, -0.2e-6};
constexpr std::array kLlamaRounding = {0.0, 0.0, 0.7e-6, -7.5e-6};

class TinySource final : public pipeline::MicrobatchSource {
 public:
  explicit TinySource(const testing::TinyGpt& tiny) {
    for (int64_t m = 0; m < tiny.num_microbatches; ++m) data_.push_back(tiny.microbatch(m));
  }
  model::Microbatch microbatch(int64_t index) override {
    return data_[static_cast<size_t>(index)].view();
  }

 private:
  std::vector<testing::MicrobatchData> data_;
};

double norm_of(std::span<const float> values) {
  double squares = 0.0;
  for (const float value : values) squares += double{value} * value;
  return std::sqrt(squares);
}

/// The f32 elements of a tensor of the stream's device.
std::vector<float> values_of(const Stream& stream, ConstTensorView tensor) {
  std::vector<float> values(static_cast<size_t>(tensor.num_elements()));
  stream.download(tensor.raw(), values.data(), tensor.size_bytes());
  return values;
}

/// The vector's parameters on `device`.
model::ParameterSet parameters_on(const testing::TinyGpt& tiny, const ComputeDevice& device,
                                  const Stream& stream) {
  const model::ParameterSet host = tiny.parameters();
  model::ParameterSet parameters = model::make_gpt_parameters(tiny.config, device.memory(), stream);
  for (size_t i = 0; i < host.all().size(); ++i) {
    const TensorView main = host.all()[i].main;
    stream.upload(main.raw(), parameters.all()[i].main.raw(), main.size_bytes());
  }
  return parameters;
}

/// Norm and first elements of every parameter's gradient.
void expect_gradients(const Stream& stream, const model::ParameterSet& parameters,
                      const nlohmann::json& step) {
  for (const model::Parameter& parameter : parameters.all()) {
    const std::string name = testing::TinyGpt::vector_name(parameter.name);
    const std::vector<float> gradient = values_of(stream, parameter.grad);
    const double norm = step.at("grad_l2_per_param").at(name);
    EXPECT_NEAR(norm_of(gradient), norm, kTolerance * norm) << name;
    const auto& first = step.at("grad_first4_per_param").at(name);
    for (size_t i = 0; i < first.size(); ++i) {
      EXPECT_NEAR(gradient[i], first[i].get<double>(), kTolerance * norm) << name << ' ' << i;
    }
  }
}

void expect_four_steps(const testing::TinyGpt& tiny, std::span<const double> rounding,
                       const ComputeDevice& device = {}, double norm_tolerance = kTolerance) {
  Stream stream = device.make_stream();
  model::ParameterSet parameters = parameters_on(tiny, device, stream);
  model::RankModel model(stream, tiny.config, tiny.shape, model::BackwardMode::fused, parameters,
                         {}, device.memory());
  pipeline::Executor executor(model, schedule::accumulate(tiny.num_microbatches),
                              tiny.num_microbatches, device.memory());
  const auto& constants = tiny.json.at("optimizer");
  optim::OptimizerConfig config;
  config.adam_beta1 = constants.at("betas")[0];
  config.adam_beta2 = constants.at("betas")[1];
  config.adam_eps = constants.at("eps");
  config.clip_grad = constants.at("clip_grad");
  optim::Optimizer optimizer(config, parameters, device.memory());
  TinySource source(tiny);

  ASSERT_EQ(tiny.json.at("steps").size(), 4u);
  for (const auto& expected : tiny.json.at("steps")) {
    const std::string step = fmt::format("step {}", expected.at("step").get<int>());
    const model::LossSum loss = executor.run_step(source, 1.0);
    const double expected_loss = expected.at("lm_loss");
    EXPECT_NEAR(loss.mean(), expected_loss, kTolerance * expected_loss) << step;
    if (optimizer.num_steps() == 0) expect_gradients(stream, parameters, expected);
    const auto result =
        optimizer.step(model.context(), {constants.at("lr"), constants.at("weight_decay")});
    const auto index = static_cast<size_t>(optimizer.num_steps() - 1);
    const double expected_norm = expected.at("grad_norm").get<double>() * (1.0 + rounding[index]);
    EXPECT_NEAR(result.grad_norm, expected_norm, norm_tolerance * expected_norm) << step;
    const auto& listed = expected.at("param_first4_after");
    EXPECT_FALSE(listed.empty());
    for (const model::Parameter& parameter : parameters.all()) {
      const std::string name = testing::TinyGpt::vector_name(parameter.name);
      if (!listed.contains(name)) continue;
      const auto& first = listed.at(name);
      const std::vector<float> values = values_of(stream, parameter.value);
      for (size_t i = 0; i < first.size(); ++i) {
        // One step moves an element by about lr: the tolerance is relative to values of that size.
        const double value = first[i];
        EXPECT_NEAR(values[i], value, kTolerance * std::max(std::abs(value), 0.1))
            << step << " " << name << " element " << i;
      }
    }
  }
}

TEST(TinyModels, FourAdamWStepsOfTheGpt) {
  expect_four_steps(testing::TinyGpt(testing::load_vector("tiny_models"), "gpt"), kGptRounding);
}

TEST(TinyModels, FourAdamWStepsOfTheLlama) {
  expect_four_steps(testing::TinyGpt(testing::load_vector("tiny_models"), "llama_like"),
                    kLlamaRounding);
}

TEST(TinyModels, FourAdamWStepsOfBothOnAGpu) {
  const auto backend = cuda_backend_path().parent_path().parent_path() / "weft_cuda.so";
  const ComputeDevice device = choose_device("auto", backend);
  if (!device.is_gpu()) GTEST_SKIP() << "needs a GPU and a build with CUDA";
  const auto vector = testing::load_vector("tiny_models");
  expect_four_steps(testing::TinyGpt(vector, "gpt"), kGptRounding, device);
  // The Llama amplifies what another order of sums changes in its weights, as it does with the
  // rounding of weights to fp32.
  expect_four_steps(testing::TinyGpt(vector, "llama_like"), kLlamaRounding, device, 3e-5);
}

}  // namespace
}  // namespace weft::train
