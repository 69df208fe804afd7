#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

// A computation as a graph of operations on tensors of rank 4: what cuDNN's backend takes, as plain
// values. Tests run such a graph in fp64 and compare it with the formulas; cudnn_plan hands the
// same graph to cuDNN (reference/cuda.md 2.2).

namespace weft::kernels {

enum class GraphType : uint8_t { f32, bf16, f16, i32, i64, boolean };

enum class GraphStorage : uint8_t {
  memory,  ///< the caller's: an input, an output or a workspace of ours
  none,    ///< between two operations, never written to memory
  value,   ///< one number that the caller passes with each run
};

/// Element (i, j, k, l) lies at the sum of indices times strides, in elements.
struct GraphTensor {
  std::array<int64_t, 4> dims{1, 1, 1, 1};
  std::array<int64_t, 4> strides{1, 1, 1, 1};
  GraphType type = GraphType::f32;
  GraphStorage storage = GraphStorage::none;

  int64_t num_elements() const { return dims[0] * dims[1] * dims[2] * dims[3]; }
  friend bool operator==(const GraphTensor&, const GraphTensor&) = default;
};

/// Row-major strides of `dims`.
std::array<int64_t, 4> packed_strides(const std::array<int64_t, 4>& dims);
/// `tensor` with its last two dims exchanged; the same memory.
GraphTensor transposed(GraphTensor tensor);

/// What an operation computes in f32 from its inputs x, y, z; dims of size 1 are repeated.
enum class GraphOpKind : uint8_t {
  matmul,        ///< x [.., m, k] times y [.., k, n]; a dim 1 of y is shared by equal blocks of x
  add,           ///< x + y
  subtract,      ///< x - y
  multiply,      ///< x * y
  divide,        ///< x / y
  exp,           ///< e^x
  log,           ///< natural logarithm
  copy,          ///< x, in the output's type
  row_index,     ///< index in dim 2 of each element of x
  column_index,  ///< index in dim 3
  greater_or_equal,  ///< x >= y
  select,            ///< z ? x : y
  reduce_max,        ///< over the dims in which the output has size 1, or equal blocks of dim 1
  reduce_add,
  reshape,    ///< the memory of x under the output's dims and strides
  keep_mask,  ///< 1 with probability `keep`, else 0; x and y are seed and offset
};

using TensorId = int32_t;

/// Where a tensor of a graph is: device memory, or host memory for a number passed by value.
struct TensorPointer {
  TensorId id = -1;
  const void* data = nullptr;
};

struct GraphOp {
  GraphOpKind kind = GraphOpKind::copy;
  std::vector<TensorId> inputs;
  TensorId output = 0;
  double keep = 1.0;
};

/// Operations in an order in which inputs come first.
class TensorGraph {
 public:
  TensorId tensor(const GraphTensor& tensor);
  /// A tensor between two operations, packed.
  TensorId between(const std::array<int64_t, 4>& dims, GraphType type = GraphType::f32);
  /// One f32 number.
  TensorId value();
  /// Adds an operation; returns `output`.
  TensorId op(GraphOpKind kind, std::vector<TensorId> inputs, TensorId output, double keep = 1.0);
  /// Adds an elementwise operation whose result has the dims of its first input and lies between.
  TensorId elementwise(GraphOpKind kind, std::vector<TensorId> inputs,
                       GraphType type = GraphType::f32);
  /// Adds a reduction of `input` to `dims`.
  TensorId reduce(GraphOpKind kind, TensorId input, const std::array<int64_t, 4>& dims);

  const std::vector<GraphTensor>& tensors() const { return tensors_; }
  const std::vector<GraphOp>& ops() const { return ops_; }
  const GraphTensor& at(TensorId id) const { return tensors_[static_cast<size_t>(id)]; }

 private:
  std::vector<GraphTensor> tensors_;
  std::vector<GraphOp> ops_;
};

}  // namespace weft::kernels
