#include "weft/pipeline/executor.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "support/microbatch_data.hpp"
#include "weft/base/error.hpp"
#include "weft/model/gpt_parameters.hpp"
#include "weft/schedule/single_stage.hpp"

namespace weft::pipeline {
namespace {

using schedule::Schedule;
using schedule::TaskKind;

constexpr model::MicrobatchShape kShape{.sequence = 17, .samples = 2};
constexpr int64_t kMicrobatches = 4;

model::ModelConfig small_config() {
  model::ModelConfig config;
  config.num_layers = 2;
  config.hidden_size = 16;
  config.ffn_hidden_size = 64;
  config.num_attention_heads = 2;
  config.kv_channels = 8;
  config.vocab_size = 50;
  config.max_position_embeddings = 17;
  return config;
}

class RandomSource final : public MicrobatchSource {
 public:
  /// Tokens of microbatch m that count are every (m + 1)-th when `masked`.
  explicit RandomSource(bool masked = false) : masked_(masked) {}

  model::Microbatch microbatch(int64_t index) override {
    data_ =
        testing::random_microbatch(kShape, small_config().vocab_size, static_cast<uint64_t>(index));
    for (size_t b = 0; b < data_.sample_ids.size(); ++b) {
      data_.sample_ids[b] = index * kShape.samples + static_cast<int64_t>(b);
    }
    if (masked_) {
      for (size_t i = 0; i < data_.loss_mask.size(); ++i) {
        data_.loss_mask[i] = i % static_cast<size_t>(index + 1) == 0 ? 1.0F : 0.0F;
      }
    }
    return data_.view();
  }

 private:
  bool masked_;
  testing::MicrobatchData data_{kShape};
};

struct Outcome {
  model::LossSum loss;
  std::vector<float> gradients;
  size_t activation_bytes;
};

Outcome run(const Schedule& schedule, LossMean mean = LossMean::microbatches, bool masked = false) {
  Stream stream;
  model::ParameterSet parameters = model::make_gpt_parameters(small_config());
  parameters.initialize(5);
  const auto mode =
      schedule::splits_backward(schedule) ? model::BackwardMode::split : model::BackwardMode::fused;
  model::RankModel model(stream, small_config(), kShape, mode, parameters,
                         {.hidden = 0.1, .attention = 0.1, .seed = 3});
  Executor executor(model, schedule, kMicrobatches);
  RandomSource source(masked);
  Outcome outcome;
  outcome.loss = executor.run_step(source, 1.0, mean);
  outcome.activation_bytes = executor.activation_bytes();
  for (const model::Parameter& parameter : parameters.all()) {
    const auto grad = parameter.grad.span<float>();
    outcome.gradients.insert(outcome.gradients.end(), grad.begin(), grad.end());
  }
  return outcome;
}

void append(Schedule& schedule, TaskKind kind, int64_t begin, int64_t end) {
  for (int64_t m = begin; m < end; ++m) schedule.push_back({kind, 0, m});
}

TEST(Executor, EveryOrderGivesTheSameBits) {
  const Outcome expected = run(schedule::accumulate(kMicrobatches));
  std::vector<Schedule> orders(4);
  append(orders[0], TaskKind::forward, 0, 4);  // all forwards first
  append(orders[0], TaskKind::backward, 0, 4);
  append(orders[1], TaskKind::forward, 0, 4);  // weight gradients last
  append(orders[1], TaskKind::backward_input, 0, 4);
  append(orders[1], TaskKind::backward_weight, 0, 4);
  append(orders[2], TaskKind::forward, 0, 2);  // weight gradients fill in between
  append(orders[2], TaskKind::backward_input, 0, 1);
  append(orders[2], TaskKind::forward, 2, 3);
  append(orders[2], TaskKind::backward_weight, 0, 1);
  append(orders[2], TaskKind::backward_input, 1, 3);
  append(orders[2], TaskKind::backward_weight, 1, 2);
  append(orders[2], TaskKind::forward, 3, 4);
  append(orders[2], TaskKind::backward_input, 3, 4);
  append(orders[2], TaskKind::backward_weight, 2, 4);
  append(orders[3], TaskKind::forward, 0, 2);  // both kinds of backward in one step
  append(orders[3], TaskKind::backward, 0, 1);
  append(orders[3], TaskKind::backward_input, 1, 2);
  append(orders[3], TaskKind::forward, 2, 4);
  append(orders[3], TaskKind::backward_weight, 1, 2);
  append(orders[3], TaskKind::backward, 2, 4);
  for (const Schedule& order : orders) {
    const Outcome outcome = run(order);
    EXPECT_EQ(outcome.loss.loss, expected.loss.loss);
    EXPECT_EQ(outcome.loss.tokens, expected.loss.tokens);
    ASSERT_EQ(outcome.gradients.size(), expected.gradients.size());
    EXPECT_EQ(std::memcmp(outcome.gradients.data(), expected.gradients.data(),
                          expected.gradients.size() * sizeof(float)),
              0);
    EXPECT_GT(outcome.activation_bytes, expected.activation_bytes);
  }
}

// The gradient of a step's token mean is the sum over its microbatches of tokens / all tokens times
// the gradient of their own mean, which a step of that microbatch alone has.
TEST(Executor, TheMeanOverTokensWeighsMicrobatchesByTheirTokens) {
  const Schedule order = schedule::accumulate(kMicrobatches);
  const Outcome by_tokens = run(order, LossMean::tokens, true);
  std::vector<double> expected(by_tokens.gradients.size());
  Stream stream;
  model::ParameterSet parameters = model::make_gpt_parameters(small_config());
  parameters.initialize(5);
  model::RankModel model(stream, small_config(), kShape, model::BackwardMode::fused, parameters,
                         {.hidden = 0.1, .attention = 0.1, .seed = 3});
  model::ModelChunk& chunk = model.chunk(0);
  Buffer buffer(chunk.slot_bytes());
  Arena arena(buffer.data(), buffer.size_bytes());
  model::ActivationSlot slot = chunk.make_slot(arena);
  RandomSource source(true);
  for (int64_t m = 0; m < kMicrobatches; ++m) {
    model.start_gradients();
    const model::LossSum loss = chunk.forward(slot, source.microbatch(m), 1.0);
    chunk.backward(slot);
    model.finalize_gradients();
    size_t i = 0;
    for (const model::Parameter& parameter : parameters.all()) {
      for (const float grad : parameter.grad.span<float>()) {
        expected[i++] += loss.tokens / by_tokens.loss.tokens * double{grad};
      }
    }
  }
  const Outcome by_microbatches = run(order, LossMean::microbatches, true);
  double error = 0.0;
  double difference = 0.0;
  for (size_t i = 0; i < expected.size(); ++i) {
    error = std::max(error, std::abs(double{by_tokens.gradients[i]} - expected[i]));
    difference = std::max(difference, std::abs(double{by_microbatches.gradients[i]} - expected[i]));
  }
  EXPECT_LT(error, 1e-6);
  EXPECT_GT(difference, 1e-3);
  EXPECT_EQ(by_tokens.loss.loss, by_microbatches.loss.loss);  // what is reported is the same
}

TEST(Executor, AnotherScheduleUsesTheSameSlots) {
  Stream stream;
  model::ParameterSet parameters = model::make_gpt_parameters(small_config());
  parameters.initialize(5);
  model::RankModel model(stream, small_config(), kShape, model::BackwardMode::fused, parameters,
                         {.hidden = 0.1, .attention = 0.1, .seed = 3});
  Executor executor(model, schedule::accumulate(1), 1);
  RandomSource source;
  executor.run_step(source, 1.0);
  executor.set_schedule(schedule::accumulate(kMicrobatches), kMicrobatches);
  EXPECT_EQ(executor.run_step(source, 1.0).loss,
            run(schedule::accumulate(kMicrobatches)).loss.loss);
  Schedule greedy;
  append(greedy, TaskKind::forward, 0, 2);
  append(greedy, TaskKind::backward, 0, 2);
  EXPECT_THROW(executor.set_schedule(greedy, 2), Error);
}

TEST(Executor, RefusesASplitScheduleOnAFusedChunk) {
  Stream stream;
  model::ParameterSet parameters = model::make_gpt_parameters(small_config());
  model::RankModel model(stream, small_config(), kShape, model::BackwardMode::fused, parameters,
                         {});
  Schedule split;
  append(split, TaskKind::forward, 0, 1);
  append(split, TaskKind::backward_input, 0, 1);
  append(split, TaskKind::backward_weight, 0, 1);
  EXPECT_THROW(Executor(model, split, 1), Error);
  EXPECT_THROW(Executor(model, schedule::accumulate(2), 3), Error);
}

}  // namespace
}  // namespace weft::pipeline
