// The plans of attention's graphs, and what a run of them is given.
#include <algorithm>

#include "weft/kernels/attention_seed_cuda.cuh"
#include "weft/kernels/cudnn_attention.hpp"
#include "weft/kernels/device_pieces.hpp"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

namespace {

/// A plan, or nothing where cuDNN has none.
std::optional<CudnnPlan> plan_of(const CudnnTarget& target, const CudnnPlanStore& store,
                                 const TensorGraph& graph) {
  try {
    return store.plan(target, graph);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::device) throw;
    return std::nullopt;
  }
}

size_t bytes_of(const TensorGraph& graph, TensorId id) {
  return id < 0 ? 0 : static_cast<size_t>(graph.at(id).num_elements()) * sizeof(float);
}

constexpr size_t kRandomBytes = 2 * sizeof(int64_t);

/// Enqueues the seed of a run into the workspace; null when nothing is dropped.
const int64_t* draw_seed(const KernelQueue& queue, const Dropout& dropout, DevicePieces& pieces) {
  if (!dropout.active()) return nullptr;
  auto* random = pieces.take<int64_t>(kRandomBytes);
  check_launch("the seed of attention's dropout",
               run(queue.get(), AttentionSeed{.key = dropout.key,
                                              .samples_B = dropout.samples_B.data(),
                                              .random = random}));
  return random;
}

}  // namespace

CudnnAttention::CudnnAttention(const AttentionGraphSpec& spec, Forward forward)
    : spec_(spec), numbers_(spec), forward_(std::move(forward)) {}

std::unique_ptr<CudnnAttention> CudnnAttention::make(const CudnnTarget& target,
                                                     const CudnnPlanStore& store,
                                                     const AttentionGraphSpec& spec,
                                                     Passes passes) {
  AttentionForwardGraph forward = attention_forward_graph(spec);
  std::optional<CudnnPlan> forward_plan = plan_of(target, store, forward.graph);
  if (!forward_plan.has_value()) return nullptr;
  std::unique_ptr<CudnnAttention> result(
      new CudnnAttention(spec, {std::move(forward), std::move(*forward_plan)}));
  if (passes == Passes::forward) return result;
  AttentionBackwardGraph backward = attention_backward_graph(spec);
  std::optional<CudnnPlan> backward_plan = plan_of(target, store, backward.graph);
  if (backward_plan.has_value()) {
    result->backward_.emplace(Backward{std::move(backward), std::move(*backward_plan)});
  } else if (passes == Passes::both) {
    return nullptr;
  }
  return result;
}

size_t CudnnAttention::workspace_bytes() const {
  DeviceSizes forward;
  forward.add(kRandomBytes);
  forward.add(static_cast<size_t>(forward_.plan.workspace_bytes()));
  if (!backward_.has_value()) return forward.bytes();
  DeviceSizes backward;
  backward.add(kRandomBytes);
  backward.add(bytes_of(backward_->graph.graph, backward_->graph.delta));
  backward.add(bytes_of(backward_->graph.graph, backward_->graph.dq_sum));
  backward.add(static_cast<size_t>(backward_->plan.workspace_bytes()));
  return std::max(forward.bytes(), backward.bytes());
}

void CudnnAttention::forward(const Context& context, const Dropout& dropout,
                             AttentionForwardMemory memory) const {
  const KernelQueue& queue = queue_of(context.stream);
  DevicePieces pieces(context.workspace);
  memory.random = draw_seed(queue, dropout, pieces);
  const size_t bytes = static_cast<size_t>(forward_.plan.workspace_bytes());
  const TensorPointers tensors = tensors_of(forward_.graph, spec_.sizes, numbers_, memory);
  forward_.plan.run(queue.cudnn(), tensors.all(), pieces.take<std::byte>(bytes));
}

void CudnnAttention::backward(const Context& context, const Dropout& dropout,
                              AttentionBackwardMemory memory) const {
  const KernelQueue& queue = queue_of(context.stream);
  const AttentionBackwardGraph& graph = backward_->graph;
  DevicePieces pieces(context.workspace);
  memory.random = draw_seed(queue, dropout, pieces);
  memory.delta = pieces.take<float>(bytes_of(graph.graph, graph.delta));
  memory.dq_sum = pieces.take<float>(bytes_of(graph.graph, graph.dq_sum));
  const size_t bytes = static_cast<size_t>(backward_->plan.workspace_bytes());
  const TensorPointers tensors = tensors_of(graph, spec_.sizes, numbers_, memory);
  backward_->plan.run(queue.cudnn(), tensors.all(), pieces.take<std::byte>(bytes));
}

}  // namespace weft::kernels::cuda
