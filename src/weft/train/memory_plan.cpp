#include "weft/train/memory_plan.hpp"

#include <fmt/format.h>

#include "weft/base/error.hpp"
#include "weft/model/gpt_parameters.hpp"
#include "weft/model/rank_model.hpp"
#include "weft/optim/optimizer.hpp"
#include "weft/pipeline/rank_stages.hpp"
#include "weft/train/pipeline_setup.hpp"

namespace weft::train {

namespace {

double megabytes(int64_t bytes) { return static_cast<double>(bytes) / 0x1p20; }

}  // namespace

MemoryPlan& MemoryPlan::operator+=(const MemoryPlan& other) {
  parameter_bytes += other.parameter_bytes;
  gradient_bytes += other.gradient_bytes;
  optimizer_bytes += other.optimizer_bytes;
  activation_bytes += other.activation_bytes;
  workspace_bytes += other.workspace_bytes;
  buffer_bytes += other.buffer_bytes;
  return *this;
}

MemoryPlan plan_memory(const TrainConfig& config, const Stream& stream, int64_t pipeline_rank) {
  const model::ModelConfig& model = config.model;
  const model::MicrobatchShape shape{.sequence = config.sequence_length,
                                     .samples = config.micro_batch_size};
  const auto bytes = [](size_t size) { return static_cast<int64_t>(aligned_size(size)); };
  const PipelineSetup setup(config);
  const std::vector<parallel::StageLayers> parts = setup.parts(pipeline_rank);
  const pipeline::StageSlots slots = setup.slots(pipeline_rank);
  const model::ParameterSizes sizes = model::gpt_parameter_sizes(model, parts);
  const size_t model_count = model::gpt_parameter_sizes(model).count;
  return {.parameter_bytes = bytes(sizes.value_bytes) + bytes(sizes.main_bytes),
          .gradient_bytes = bytes(sizes.main_bytes) +
                            bytes(model::RankModel::lookup_gradient_bytes(model, parts)),
          .optimizer_bytes = optim::num_states(config.optimizer) * bytes(sizes.main_bytes),
          .activation_bytes = bytes(pipeline::RankStages::activation_bytes(
              model, parts, shape, setup.backward_mode(), slots.activations)),
          .workspace_bytes = bytes(model::RankModel::scratch_bytes(stream, model, shape, parts)) +
                             bytes(optim::decision_bytes(sizes.count, model_count)),
          .buffer_bytes = bytes(pipeline::RankStages::buffer_bytes(
              model, {.stages = setup.stages(), .rank = pipeline_rank}, shape, slots))};
}

std::string memory_plan_line(const MemoryPlan& plan) {
  // A run without neighbours has nothing that travels.
  const std::string buffers =
      plan.buffer_bytes > 0 ? fmt::format("buffers={:.2f}, ", megabytes(plan.buffer_bytes)) : "";
  return fmt::format(
      "Planned memory (MB): parameters={:.2f}, gradients={:.2f}, optimizer={:.2f}, "
      "activations={:.2f}, workspace={:.2f}, {}total={:.2f}",
      megabytes(plan.parameter_bytes), megabytes(plan.gradient_bytes),
      megabytes(plan.optimizer_bytes), megabytes(plan.activation_bytes),
      megabytes(plan.workspace_bytes), buffers, megabytes(plan.total()));
}

void check_fits(const MemoryPlan& plan, int64_t available_bytes, const std::string& owner) {
  if (plan.total() <= available_bytes) return;
  fail_with_hint(ErrorKind::device,
                 plan.activation_bytes > plan.total() / 2
                     ? "--recompute-granularity full --recompute-method uniform "
                       "--recompute-num-layers 1, or a smaller --micro-batch-size or --seq-length"
                     : "a smaller --hidden-size or --num-layers",
                 "the run needs {:.0f} MB, {} has {:.0f} MB ({})", megabytes(plan.total()), owner,
                 megabytes(available_bytes), memory_plan_line(plan));
}

}  // namespace weft::train
