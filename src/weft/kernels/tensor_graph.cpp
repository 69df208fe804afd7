#include "weft/kernels/tensor_graph.hpp"

#include <cassert>
#include <utility>

namespace weft::kernels {

std::array<int64_t, 4> packed_strides(const std::array<int64_t, 4>& dims) {
  return {dims[1] * dims[2] * dims[3], dims[2] * dims[3], dims[3], 1};
}

GraphTensor transposed(GraphTensor tensor) {
  std::swap(tensor.dims[2], tensor.dims[3]);
  std::swap(tensor.strides[2], tensor.strides[3]);
  return tensor;
}

TensorId TensorGraph::tensor(const GraphTensor& tensor) {
  tensors_.push_back(tensor);
  return static_cast<TensorId>(tensors_.size() - 1);
}

TensorId TensorGraph::between(const std::array<int64_t, 4>& dims, GraphType type) {
  return tensor(
      {.dims = dims, .strides = packed_strides(dims), .type = type, .storage = GraphStorage::none});
}

TensorId TensorGraph::value() { return tensor({.storage = GraphStorage::value}); }

TensorId TensorGraph::op(GraphOpKind kind, std::vector<TensorId> inputs, TensorId output,
                         double keep) {
  assert(static_cast<size_t>(output) < tensors_.size());
  ops_.push_back({.kind = kind, .inputs = std::move(inputs), .output = output, .keep = keep});
  return output;
}

TensorId TensorGraph::elementwise(GraphOpKind kind, std::vector<TensorId> inputs, GraphType type) {
  const TensorId output = between(at(inputs.front()).dims, type);
  return op(kind, std::move(inputs), output);
}

TensorId TensorGraph::reduce(GraphOpKind kind, TensorId input, const std::array<int64_t, 4>& dims) {
  return op(kind, {input}, between(dims));
}

}  // namespace weft::kernels
