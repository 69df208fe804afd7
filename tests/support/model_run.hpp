#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "support/microbatch_data.hpp"
#include "weft/model/gpt_parameters.hpp"
#include "weft/model/rank_model.hpp"

namespace weft::testing {

/// A model with random weights and one slot, ready to run.
struct ModelRun {
  ModelRun(const model::ModelConfig& config, const model::MicrobatchShape& shape,
           model::BackwardMode mode, const model::DropoutRates& rates)
      : parameters(model::make_gpt_parameters(config)),
        model(stream, config, shape, mode, parameters, rates),
        chunk(model.chunk(0)),
        memory(chunk.slot_bytes()),
        arena(memory.data(), memory.size_bytes()),
        slot(chunk.make_slot(arena)) {
    parameters.initialize(1234);
    for (model::Parameter& parameter : parameters.all()) {
      // Biases and norm parameters away from 0 and 1, so that each matters.
      if (parameter.decays()) continue;
      const auto values = parameter.main.span<float>();
      for (size_t i = 0; i < values.size(); ++i) {
        values[i] += 0.1F * std::sin(static_cast<float>(i) + parameter.init_mean);
      }
    }
    parameters.round_values();
  }

  double step(const MicrobatchData& data) {
    model.start_gradients();
    const model::LossSum loss = chunk.forward(slot, data.view(), 1.0);
    if (chunk.mode() == model::BackwardMode::split) {
      chunk.backward_input(slot);
      chunk.backward_weight(slot);
    } else {
      chunk.backward(slot);
    }
    model.finalize_gradients();
    return loss.mean();
  }

  std::vector<float> gradients() const {
    std::vector<float> all;
    for (const model::Parameter& parameter : parameters.all()) {
      const auto grad = parameter.grad.span<float>();
      all.insert(all.end(), grad.begin(), grad.end());
    }
    return all;
  }

  Stream stream;
  model::ParameterSet parameters;
  model::RankModel model;
  model::ModelChunk& chunk;
  Buffer memory;
  Arena arena;
  model::ActivationSlot slot;
};

inline bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// d loss / d parameter by central differences of the fp32 loss, for a few elements of every
/// parameter.
inline void expect_central_differences(const model::ModelConfig& config,
                                       const model::MicrobatchShape& shape,
                                       const model::DropoutRates& rates,
                                       const std::vector<int64_t>& document_ends = {}) {
  auto data = random_microbatch(shape, config.vocab_size, 6);
  if (!document_ends.empty()) data.set_documents(document_ends);
  ModelRun run(config, shape, model::BackwardMode::fused, rates);
  for (model::Parameter& parameter : run.parameters.all()) {
    run.step(data);
    const auto values = parameter.value.span<float>();
    // A copy: every forward adds to the gradient of the output weight.
    const std::vector<float> grads(parameter.grad.span<float>().begin(),
                                   parameter.grad.span<float>().end());
    float largest = 0.0F;
    size_t at = 0;
    for (size_t i = 0; i < grads.size(); ++i) {
      if (std::abs(grads[i]) > largest) largest = std::abs(grads[i]), at = i;
    }
    for (const size_t i : {at, grads.size() / 2}) {
      const float kept = values[i];
      const float width = 5e-3F;
      values[i] = kept + width;
      const double above = run.chunk.forward(run.slot, data.view(), 1.0).mean();
      values[i] = kept - width;
      const double below = run.chunk.forward(run.slot, data.view(), 1.0).mean();
      values[i] = kept;
      const double difference = (above - below) / (2.0 * static_cast<double>(width));
      EXPECT_NEAR(grads[i], difference, 0.02 * static_cast<double>(largest) + 2e-5)
          << parameter.name << " element " << i;
    }
  }
}

}  // namespace weft::testing
