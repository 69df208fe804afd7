// A TensorGraph in the words of cuDNN's backend.
#include <array>

#include "weft/kernels/cudnn_descriptor.cuh"
#include "weft/kernels/cudnn_plan.hpp"

namespace weft::kernels {

namespace {

constexpr int64_t kAlignmentBytes = 16;

cudnnDataType_t data_type(GraphType type) {
  switch (type) {
    case GraphType::f32:
      return CUDNN_DATA_FLOAT;
    case GraphType::bf16:
      return CUDNN_DATA_BFLOAT16;
    case GraphType::f16:
      return CUDNN_DATA_HALF;
    case GraphType::i32:
      return CUDNN_DATA_INT32;
    case GraphType::i64:
      return CUDNN_DATA_INT64;
    case GraphType::boolean:
      return CUDNN_DATA_BOOLEAN;
  }
  return CUDNN_DATA_FLOAT;
}

CudnnDescriptor make_tensor(const GraphTensor& tensor, int64_t unique_id) {
  CudnnDescriptor result(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  result.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, data_type(tensor.type));
  result.set(CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, std::span<const int64_t>(tensor.dims));
  result.set(CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, std::span<const int64_t>(tensor.strides));
  result.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, unique_id);
  result.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, kAlignmentBytes);
  result.set(CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN,
             tensor.storage == GraphStorage::none);
  result.set(CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN,
             tensor.storage == GraphStorage::value);
  result.finalize("take a tensor");
  return result;
}

/// How the elementwise operations are called; index and comparison have types of their own.
struct Pointwise {
  cudnnPointwiseMode_t mode;
  cudnnDataType_t precision = CUDNN_DATA_FLOAT;
  int64_t axis = -1;
};

Pointwise pointwise_of(GraphOpKind kind) {
  switch (kind) {
    case GraphOpKind::add:
      return {CUDNN_POINTWISE_ADD};
    case GraphOpKind::subtract:
      return {CUDNN_POINTWISE_SUB};
    case GraphOpKind::multiply:
      return {CUDNN_POINTWISE_MUL};
    case GraphOpKind::divide:
      return {CUDNN_POINTWISE_DIV};
    case GraphOpKind::exp:
      return {CUDNN_POINTWISE_EXP};
    case GraphOpKind::log:
      return {CUDNN_POINTWISE_LOG};
    case GraphOpKind::row_index:
      return {CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_INT32, 2};
    case GraphOpKind::column_index:
      return {CUDNN_POINTWISE_GEN_INDEX, CUDNN_DATA_INT32, 3};
    case GraphOpKind::greater_or_equal:
      return {CUDNN_POINTWISE_CMP_GE, CUDNN_DATA_BOOLEAN};
    case GraphOpKind::select:
      return {CUDNN_POINTWISE_BINARY_SELECT};
    default:
      return {CUDNN_POINTWISE_IDENTITY};
  }
}

/// The descriptors of a graph, which its operations point to.
class Translation {
 public:
  explicit Translation(const TensorGraph& graph) {
    int64_t unique_id = 0;
    for (const GraphTensor& tensor : graph.tensors()) {
      tensors_.push_back(make_tensor(tensor, ++unique_id));
    }
    for (const GraphOp& op : graph.ops()) operations_.push_back(make_operation(op));
  }

  CudnnDescriptor operation_graph(cudnnHandle_t handle) const {
    std::vector<cudnnBackendDescriptor_t> operations;
    for (const CudnnDescriptor& operation : operations_) operations.push_back(operation.get());
    CudnnDescriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
    graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR,
              std::span<const cudnnBackendDescriptor_t>(operations));
    if (handle != nullptr) {
      graph.set(CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, handle);
    }
    graph.finalize("take the graph");
    return graph;
  }

 private:
  const CudnnDescriptor& tensor(TensorId id) const { return tensors_[static_cast<size_t>(id)]; }

  CudnnDescriptor make_operation(const GraphOp& op) {
    switch (op.kind) {
      case GraphOpKind::matmul:
        return make_matmul(op);
      case GraphOpKind::reduce_add:
        return make_reduction(op, CUDNN_REDUCE_TENSOR_ADD);
      case GraphOpKind::reduce_max:
        return make_reduction(op, CUDNN_REDUCE_TENSOR_MAX);
      case GraphOpKind::reshape:
        return make_reshape(op);
      case GraphOpKind::keep_mask:
        return make_mask(op);
      default:
        return make_pointwise(op);
    }
  }

  CudnnDescriptor make_matmul(const GraphOp& op) {
    CudnnDescriptor settings(CUDNN_BACKEND_MATMUL_DESCRIPTOR);
    settings.set(CUDNN_ATTR_MATMUL_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
    settings.finalize("take a product");
    CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_MATMUL_DESC, settings);
    operation.set(CUDNN_ATTR_OPERATION_MATMUL_ADESC, tensor(op.inputs[0]));
    operation.set(CUDNN_ATTR_OPERATION_MATMUL_BDESC, tensor(op.inputs[1]));
    operation.set(CUDNN_ATTR_OPERATION_MATMUL_CDESC, tensor(op.output));
    operation.finalize("take a product's operands");
    settings_.push_back(std::move(settings));
    return operation;
  }

  CudnnDescriptor make_reduction(const GraphOp& op, cudnnReduceTensorOp_t kind) {
    CudnnDescriptor settings(CUDNN_BACKEND_REDUCTION_DESCRIPTOR);
    settings.set(CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, kind);
    settings.set(CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, CUDNN_DATA_FLOAT);
    settings.finalize("take a reduction");
    CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_REDUCTION_DESC, settings);
    operation.set(CUDNN_ATTR_OPERATION_REDUCTION_XDESC, tensor(op.inputs[0]));
    operation.set(CUDNN_ATTR_OPERATION_REDUCTION_YDESC, tensor(op.output));
    operation.finalize("take a reduction's operands");
    settings_.push_back(std::move(settings));
    return operation;
  }

  CudnnDescriptor make_reshape(const GraphOp& op) {
    CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_RESHAPE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_RESHAPE_XDESC, tensor(op.inputs[0]));
    operation.set(CUDNN_ATTR_OPERATION_RESHAPE_YDESC, tensor(op.output));
    operation.finalize("take a reshape");
    return operation;
  }

  CudnnDescriptor make_mask(const GraphOp& op) {
    CudnnDescriptor settings(CUDNN_BACKEND_RNG_DESCRIPTOR);
    settings.set(CUDNN_ATTR_RNG_DISTRIBUTION, CUDNN_TYPE_RNG_DISTRIBUTION,
                 CUDNN_RNG_DISTRIBUTION_BERNOULLI);
    settings.set(CUDNN_ATTR_RNG_BERNOULLI_DIST_PROBABILITY, CUDNN_TYPE_DOUBLE, op.keep);
    settings.finalize("take random numbers");
    CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_RNG_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_RNG_DESC, settings);
    operation.set(CUDNN_ATTR_OPERATION_RNG_SEED, tensor(op.inputs[0]));
    operation.set(CUDNN_ATTR_OPERATION_RNG_OFFSET_DESC, tensor(op.inputs[1]));
    operation.set(CUDNN_ATTR_OPERATION_RNG_YDESC, tensor(op.output));
    operation.finalize("take a mask");
    settings_.push_back(std::move(settings));
    return operation;
  }

  CudnnDescriptor make_pointwise(const GraphOp& op) {
    const Pointwise pointwise = pointwise_of(op.kind);
    CudnnDescriptor settings(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
    settings.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, pointwise.mode);
    settings.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, pointwise.precision);
    if (pointwise.axis >= 0) {
      settings.set(CUDNN_ATTR_POINTWISE_AXIS, CUDNN_TYPE_INT64, pointwise.axis);
    }
    settings.finalize("take an elementwise operation");
    constexpr std::array kInputs = {CUDNN_ATTR_OPERATION_POINTWISE_XDESC,
                                    CUDNN_ATTR_OPERATION_POINTWISE_BDESC,
                                    CUDNN_ATTR_OPERATION_POINTWISE_TDESC};
    CudnnDescriptor operation(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, settings);
    for (size_t i = 0; i < op.inputs.size(); ++i) operation.set(kInputs[i], tensor(op.inputs[i]));
    operation.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, tensor(op.output));
    operation.finalize("take an elementwise operation's operands");
    settings_.push_back(std::move(settings));
    return operation;
  }

  std::vector<CudnnDescriptor> tensors_;
  std::vector<CudnnDescriptor> settings_;
  std::vector<CudnnDescriptor> operations_;
};

/// The engines that cuDNN's heuristics recommend, best first. `described` is the device where the
/// graph has no handle, else null.
std::vector<CudnnDescriptor> recommended_engines(const CudnnDescriptor& graph,
                                                 const CudnnDescriptor* described) {
  constexpr int64_t kMostEngines = 8;
  CudnnDescriptor heuristics(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, graph);
  heuristics.set(CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, CUDNN_HEUR_MODE_A);
  if (described != nullptr) heuristics.set(CUDNN_ATTR_ENGINEHEUR_DEVICEPROP, *described);
  heuristics.finalize("recommend an engine");
  std::vector<CudnnDescriptor> engines;
  std::vector<cudnnBackendDescriptor_t> pointers;
  for (int64_t i = 0; i < kMostEngines; ++i) {
    engines.emplace_back(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR);
    pointers.push_back(engines.back().get());
  }
  int64_t count = 0;
  check_cudnn(cudnnBackendGetAttribute(heuristics.get(), CUDNN_ATTR_ENGINEHEUR_RESULTS,
                                       CUDNN_TYPE_BACKEND_DESCRIPTOR, kMostEngines, &count,
                                       pointers.data()),
              "list its engines");
  engines.erase(engines.begin() + static_cast<std::ptrdiff_t>(count), engines.end());
  return engines;
}

}  // namespace

struct CudnnTarget::Objects {
  cudnnHandle_t handle = nullptr;
  std::unique_ptr<CudnnDescriptor> properties;  ///< without a handle

  /// Says what device `plan` is for.
  void set_device(CudnnDescriptor& plan) const {
    if (handle != nullptr) {
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, handle);
    } else {
      plan.set(CUDNN_ATTR_EXECUTION_PLAN_DEVICEPROP, *properties);
    }
  }
};

CudnnTarget::CudnnTarget(cudnnContext* handle) : objects_(std::make_unique<Objects>()) {
  objects_->handle = handle;
}

CudnnTarget::CudnnTarget(const std::string& properties) : objects_(std::make_unique<Objects>()) {
  objects_->properties = std::make_unique<CudnnDescriptor>(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR);
  objects_->properties->set_text(CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION, properties);
  objects_->properties->finalize("take the properties of a device");
}

CudnnTarget::~CudnnTarget() = default;
CudnnTarget::CudnnTarget(CudnnTarget&&) noexcept = default;
CudnnTarget& CudnnTarget::operator=(CudnnTarget&&) noexcept = default;

/// A plan and, unless it was saved, what it points to.
struct CudnnPlan::Objects {
  std::unique_ptr<Translation> translation;
  std::unique_ptr<CudnnDescriptor> operations;
  std::unique_ptr<CudnnDescriptor> engine;
  CudnnDescriptor plan{CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR};
};

CudnnPlan::CudnnPlan(const CudnnTarget& target, const TensorGraph& graph) {
  auto translation = std::make_unique<Translation>(graph);
  const CudnnTarget::Objects& device = *target.objects_;
  auto operations = std::make_unique<CudnnDescriptor>(translation->operation_graph(device.handle));
  for (CudnnDescriptor& engine : recommended_engines(*operations, device.properties.get())) {
    auto candidate = std::make_unique<Objects>();
    device.set_device(candidate->plan);
    candidate->plan.set(CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, engine);
    if (candidate->plan.try_finalize() != CUDNN_STATUS_SUCCESS) continue;
    candidate->translation = std::move(translation);
    candidate->operations = std::move(operations);
    candidate->engine = std::make_unique<CudnnDescriptor>(std::move(engine));
    objects_ = std::move(candidate);
    return;
  }
  fail(ErrorKind::device, "cuDNN {} has no engine for this graph", cudnnGetVersion());
}

CudnnPlan::CudnnPlan(const CudnnTarget& target, const std::string& json)
    : objects_(std::make_unique<Objects>()) {
  target.objects_->set_device(objects_->plan);
  objects_->plan.set_text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION, json);
  objects_->plan.finalize("read a saved plan");
}

CudnnPlan::~CudnnPlan() = default;
CudnnPlan::CudnnPlan(CudnnPlan&&) noexcept = default;
CudnnPlan& CudnnPlan::operator=(CudnnPlan&&) noexcept = default;

int64_t CudnnPlan::workspace_bytes() const {
  return objects_->plan.get_int64(CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE);
}

std::string CudnnPlan::json() const {
  return objects_->plan.get_text(CUDNN_ATTR_EXECUTION_PLAN_JSON_REPRESENTATION);
}

void CudnnPlan::run(cudnnContext* handle, std::span<const TensorPointer> tensors,
                    void* workspace) const {
  constexpr size_t kMostTensors = 24;
  std::array<int64_t, kMostTensors> ids{};
  std::array<void*, kMostTensors> pointers{};
  check(tensors.size() <= kMostTensors, ErrorKind::internal, "{} tensors for a plan; at most {}",
        tensors.size(), kMostTensors);
  for (size_t i = 0; i < tensors.size(); ++i) {
    ids[i] = tensors[i].id + 1;
    pointers[i] = const_cast<void*>(tensors[i].data);  // NOLINT(*-const-cast): cuDNN's interface
  }
  CudnnDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64,
           std::span<const int64_t>(ids.data(), tensors.size()));
  pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR,
           std::span<void* const>(pointers.data(), tensors.size()));
  pack.set(CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, workspace);
  pack.finalize("take the tensors of a run");
  check_cudnn(cudnnBackendExecute(handle, objects_->plan.get(), pack.get()), "run a plan");
}

}  // namespace weft::kernels
