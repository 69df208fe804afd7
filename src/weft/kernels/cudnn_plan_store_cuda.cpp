#include <cudnn_graph.h>

#include "weft/base/error.hpp"
#include "weft/kernels/cudnn_plan_store.hpp"

namespace weft::kernels {

namespace {

/// All that a plan depends on, in one line.
std::string key_of(const std::string& device, const TensorGraph& graph) {
  std::string key = fmt::format("{}, cuDNN {}:", device, cudnnGetVersion());
  for (const GraphTensor& tensor : graph.tensors()) {
    key += fmt::format(" t{}.{}", static_cast<int>(tensor.type), static_cast<int>(tensor.storage));
    for (const int64_t dim : tensor.dims) key += fmt::format(",{}", dim);
    for (const int64_t stride : tensor.strides) key += fmt::format("/{}", stride);
  }
  for (const GraphOp& op : graph.ops()) {
    key += fmt::format(" o{}.{}.{}", static_cast<int>(op.kind), op.output, op.keep);
    for (const TensorId input : op.inputs) key += fmt::format(",{}", input);
  }
  return key;
}

}  // namespace

CudnnPlanStore::CudnnPlanStore(std::filesystem::path directory, std::string device)
    : kept_(std::move(directory), "attention"), device_(std::move(device)) {}

CudnnPlan CudnnPlanStore::plan(const CudnnTarget& target, const TensorGraph& graph) const {
  if (!kept_.keeps()) return CudnnPlan(target, graph);
  const std::string key = key_of(device_, graph);
  if (std::optional<CudnnPlan> saved = load(target, key)) return std::move(*saved);
  CudnnPlan made(target, graph);
  kept_.save(key, made.json());
  return made;
}

std::optional<CudnnPlan> CudnnPlanStore::load(const CudnnTarget& target,
                                              const std::string& key) const {
  const std::optional<std::string> json = kept_.load(key);
  if (!json) return std::nullopt;
  try {
    return CudnnPlan(target, *json);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::device) throw;
    return std::nullopt;
  }
}

}  // namespace weft::kernels
