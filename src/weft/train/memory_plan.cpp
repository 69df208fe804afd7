#include "weft/train/memory_plan.hpp"

#include <fmt/format.h>

#include "weft/base/error.hpp"
#include "weft/model/model_chunk.hpp"

namespace weft::train {

namespace {

double megabytes(int64_t bytes) { return static_cast<double>(bytes) / 0x1p20; }

int64_t state_tensors(const optim::OptimizerConfig& config) {
  if (config.optimizer == "adam") return 2;
  return config.sgd_momentum != 0.0 ? 1 : 0;
}

}  // namespace

MemoryPlan plan_memory(const TrainConfig& config) {
  const model::ModelConfig& model = config.model;
  const auto element = static_cast<int64_t>(size_of(DType::f32));
  const int64_t weights = model.num_parameters() * element;
  // The lookups of a tied embedding have a gradient of their own.
  const int64_t lookup = model.tied_embeddings ? model.vocab_size * model.hidden_size * element : 0;
  const model::MicrobatchShape shape{.sequence = config.sequence_length,
                                     .samples = config.micro_batch_size};
  return {.parameter_bytes = weights,
          .gradient_bytes = weights + lookup,
          .optimizer_bytes = state_tensors(config.optimizer) * weights,
          .activation_bytes = static_cast<int64_t>(
              model::ModelChunk::slot_bytes(model, shape, model::BackwardMode::fused))};
}

std::string memory_plan_line(const MemoryPlan& plan) {
  return fmt::format(
      "Planned memory (MB): parameters={:.2f}, gradients={:.2f}, optimizer={:.2f}, "
      "activations={:.2f}, total={:.2f}",
      megabytes(plan.parameter_bytes), megabytes(plan.gradient_bytes),
      megabytes(plan.optimizer_bytes), megabytes(plan.activation_bytes), megabytes(plan.total()));
}

void check_fits(const MemoryPlan& plan, int64_t available_bytes) {
  if (plan.total() <= available_bytes) return;
  fail_with_hint(ErrorKind::device,
                 plan.activation_bytes > plan.total() / 2
                     ? "a smaller --micro-batch-size or --seq-length"
                     : "a smaller --hidden-size or --num-layers",
                 "the run needs {:.0f} MB, this machine has {:.0f} MB ({})",
                 megabytes(plan.total()), megabytes(available_bytes), memory_plan_line(plan));
}

}  // namespace weft::train
