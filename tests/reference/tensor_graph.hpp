#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "weft/kernels/tensor_graph.hpp"

// Runs a TensorGraph in fp64, one element at a time.

namespace weft::reference {

using kernels::GraphOp;
using kernels::GraphOpKind;
using kernels::GraphTensor;
using kernels::TensorGraph;
using kernels::TensorId;

using Index = std::array<int64_t, 4>;

/// The number of random element (i, j, k, l) of a mask: 1 keeps it.
using KeepMask = std::function<double(const Index&)>;

class GraphRun {
 public:
  explicit GraphRun(const TensorGraph& graph, KeepMask mask = {})
      : graph_(graph), mask_(std::move(mask)), memory_(graph.tensors().size()) {
    for (size_t i = 0; i < memory_.size(); ++i) {
      memory_[i].data = &memory_[i].own;
      if (graph.tensors()[i].storage == kernels::GraphStorage::none) {
        memory_[i].own.resize(span_of(graph.tensors()[i]));
      }
    }
  }
  /// The memory of a tensor that the caller owns; its first element lies `offset` elements in.
  void bind(TensorId id, std::vector<double>& data, int64_t offset = 0) {
    memory_[static_cast<size_t>(id)] = {.own = {}, .data = &data, .offset = offset};
  }
  void set_value(TensorId id, double value) { memory_[static_cast<size_t>(id)].own = {value}; }

  void run() {
    for (const GraphOp& op : graph_.ops()) run(op);
  }

 private:
  struct Memory {
    std::vector<double> own;
    std::vector<double>* data = nullptr;
    int64_t offset = 0;
  };

  static size_t span_of(const GraphTensor& tensor) {
    int64_t last = 0;
    for (size_t d = 0; d < 4; ++d) last += (tensor.dims[d] - 1) * tensor.strides[d];
    return static_cast<size_t>(last + 1);
  }

  /// Element of `id` at `index`; dims of size 1 are repeated, a smaller dim 1 is shared by blocks.
  double& element(TensorId id, Index index, int64_t num_heads) {
    const GraphTensor& tensor = graph_.at(id);
    index[1] = index[1] * tensor.dims[1] / num_heads;
    int64_t place = memory_[static_cast<size_t>(id)].offset;
    for (size_t d = 0; d < 4; ++d) {
      place += (tensor.dims[d] == 1 ? 0 : index[d]) * tensor.strides[d];
    }
    return memory_[static_cast<size_t>(id)].data->at(static_cast<size_t>(place));
  }

  template <typename Body>
  static void for_each(const GraphTensor& tensor, const Body& body) {
    Index i;
    for (i[0] = 0; i[0] < tensor.dims[0]; ++i[0]) {
      for (i[1] = 0; i[1] < tensor.dims[1]; ++i[1]) {
        for (i[2] = 0; i[2] < tensor.dims[2]; ++i[2]) {
          for (i[3] = 0; i[3] < tensor.dims[3]; ++i[3]) body(i);
        }
      }
    }
  }

  void run(const GraphOp& op) {
    switch (op.kind) {
      case GraphOpKind::matmul:
        return matmul(op);
      case GraphOpKind::reduce_max:
      case GraphOpKind::reduce_add:
        return reduce(op);
      case GraphOpKind::reshape:
        return reshape(op);
      default:
        return elementwise(op);
    }
  }

  void matmul(const GraphOp& op) {
    const GraphTensor& out = graph_.at(op.output);
    const int64_t inner = graph_.at(op.inputs[0]).dims[3];
    for_each(out, [&](const Index& i) {
      double sum = 0.0;
      for (int64_t k = 0; k < inner; ++k) {
        sum += element(op.inputs[0], {i[0], i[1], i[2], k}, out.dims[1]) *
               element(op.inputs[1], {i[0], i[1], k, i[3]}, out.dims[1]);
      }
      element(op.output, i, out.dims[1]) = sum;
    });
  }

  void reduce(const GraphOp& op) {
    const GraphTensor& in = graph_.at(op.inputs[0]);
    const bool adds = op.kind == GraphOpKind::reduce_add;
    for_each(graph_.at(op.output), [&](const Index& i) {
      element(op.output, i, graph_.at(op.output).dims[1]) = adds ? 0.0 : -INFINITY;
    });
    for_each(in, [&](const Index& i) {
      double& result = element(op.output, i, in.dims[1]);
      const double value = element(op.inputs[0], i, in.dims[1]);
      result = adds ? result + value : std::max(result, value);
    });
  }

  /// Elements keep their place in memory.
  void reshape(const GraphOp& op) {
    const Memory& from = memory_[static_cast<size_t>(op.inputs[0])];
    Memory& to = memory_[static_cast<size_t>(op.output)];
    for (size_t i = 0; i < to.data->size(); ++i) {
      to.data->at(i) = from.data->at(static_cast<size_t>(from.offset) + i);
    }
  }

  void elementwise(const GraphOp& op) {
    const GraphTensor& out = graph_.at(op.output);
    for_each(out, [&](const Index& i) {
      const auto in = [&](size_t n) { return element(op.inputs[n], i, out.dims[1]); };
      element(op.output, i, out.dims[1]) = value_of(op, in, i);
    });
  }

  template <typename Inputs>
  double value_of(const GraphOp& op, const Inputs& in, const Index& i) const {
    switch (op.kind) {
      case GraphOpKind::add:
        return in(0) + in(1);
      case GraphOpKind::subtract:
        return in(0) - in(1);
      case GraphOpKind::multiply:
        return in(0) * in(1);
      case GraphOpKind::divide:
        return in(0) / in(1);
      case GraphOpKind::exp:
        return std::exp(in(0));
      case GraphOpKind::log:
        return std::log(in(0));
      case GraphOpKind::row_index:
        return static_cast<double>(i[2]);
      case GraphOpKind::column_index:
        return static_cast<double>(i[3]);
      case GraphOpKind::greater_or_equal:
        return in(0) >= in(1) ? 1.0 : 0.0;
      case GraphOpKind::select:
        return in(2) != 0.0 ? in(0) : in(1);
      case GraphOpKind::keep_mask:
        return mask_(i);
      default:
        return in(0);
    }
  }

  const TensorGraph& graph_;
  KeepMask mask_;
  std::vector<Memory> memory_;
};

}  // namespace weft::reference
