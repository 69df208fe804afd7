#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "weft/kernels/tensor_graph.hpp"

struct cudnnContext;

namespace weft::kernels {

/// A device that cuDNN makes plans for. From a description plans can be made where there is no GPU.
class CudnnTarget {
 public:
  /// The GPU of a handle (cudnnHandle_t), which outlives the target.
  explicit CudnnTarget(cudnnContext* handle);
  /// `properties` is cuDNN's JSON of a device's properties. Throws Error{device} when cuDNN does
  /// not take it.
  explicit CudnnTarget(const std::string& properties);
  ~CudnnTarget();
  CudnnTarget(CudnnTarget&&) noexcept;
  CudnnTarget& operator=(CudnnTarget&&) noexcept;

 private:
  friend class CudnnPlan;
  struct Objects;
  std::unique_ptr<Objects> objects_;
};

/// A graph as cuDNN runs it on one kind of device. Tensor `id` of the graph has the unique id
/// id + 1. Making one takes about half a second, reading a saved one some milliseconds
/// (reference/cuda.md 2.2).
class CudnnPlan {
 public:
  /// Takes the first engine that cuDNN's heuristics offer and that can be made. Throws
  /// Error{device} when there is none.
  CudnnPlan(const CudnnTarget& target, const TensorGraph& graph);
  /// A plan that was saved as json() for an equal device and version of cuDNN.
  CudnnPlan(const CudnnTarget& target, const std::string& json);
  ~CudnnPlan();
  CudnnPlan(CudnnPlan&&) noexcept;
  CudnnPlan& operator=(CudnnPlan&&) noexcept;

  /// Bytes of device memory that a run needs beside the graph's tensors.
  int64_t workspace_bytes() const;
  /// The plan as text to save: engine, knobs and the kernel's name are in it.
  std::string json() const;
  /// Enqueues the graph on the stream of `handle`, which is of the plan's device. `tensors` are all
  /// that the graph has in memory or takes by value; numbers have been read when this returns, the
  /// rest must stay until the stream has come by. `workspace` is device memory of
  /// workspace_bytes().
  void run(cudnnContext* handle, std::span<const TensorPointer> tensors, void* workspace) const;

 private:
  struct Objects;
  std::unique_ptr<Objects> objects_;
};

}  // namespace weft::kernels
