// A ColumnProduct in the words of cuBLASLt (reference/cuda.md 2.1).
#include "weft/kernels/cublaslt_product.cuh"

#include "weft/base/error.hpp"

namespace weft::kernels {

namespace {

void check_lt(cublasStatus_t status, const char* what) {
  check(status == CUBLAS_STATUS_SUCCESS, ErrorKind::device, "cuBLASLt cannot {}: {}", what,
        cublasLtGetStatusString(status));
}

cudaDataType data_type(DType dtype) {
  switch (dtype) {
    case DType::bf16:
      return CUDA_R_16BF;
    case DType::f16:
      return CUDA_R_16F;
    default:
      return CUDA_R_32F;
  }
}

DType dtype_of_lt(int32_t type) {
  if (type == CUDA_R_16BF) return DType::bf16;
  return type == CUDA_R_16F ? DType::f16 : DType::f32;
}

cublasLtEpilogue_t lt_epilogue(Epilogue epilogue) {
  switch (epilogue) {
    case Epilogue::none:
      return CUBLASLT_EPILOGUE_DEFAULT;
    case Epilogue::bias:
      return CUBLASLT_EPILOGUE_BIAS;
    case Epilogue::gelu_aux:
      return CUBLASLT_EPILOGUE_GELU_AUX;
    case Epilogue::gelu_aux_bias:
      return CUBLASLT_EPILOGUE_GELU_AUX_BIAS;
    case Epilogue::dgelu:
      return CUBLASLT_EPILOGUE_DGELU;
    case Epilogue::dgelu_bias_sum:
      return CUBLASLT_EPILOGUE_DGELU_BGRAD;
    case Epilogue::left_bias_sum:
      return CUBLASLT_EPILOGUE_BGRADB;
  }
  return CUBLASLT_EPILOGUE_DEFAULT;
}

Epilogue epilogue_of_lt(uint32_t value) {
  for (const Epilogue epilogue :
       {Epilogue::bias, Epilogue::gelu_aux, Epilogue::gelu_aux_bias, Epilogue::dgelu,
        Epilogue::dgelu_bias_sum, Epilogue::left_bias_sum}) {
    if (lt_epilogue(epilogue) == static_cast<cublasLtEpilogue_t>(value)) return epilogue;
  }
  return Epilogue::none;
}

/// Owner of a matrix layout. Move-only.
class Layout {
 public:
  explicit Layout(const ColumnMatrix& matrix) {
    check_lt(cublasLtMatrixLayoutCreate(&layout_, data_type(matrix.dtype),
                                        static_cast<uint64_t>(matrix.rows),
                                        static_cast<uint64_t>(matrix.columns), matrix.stride),
             "take a matrix");
  }
  ~Layout() { cublasLtMatrixLayoutDestroy(layout_); }
  Layout(const Layout&) = delete;
  Layout& operator=(const Layout&) = delete;

  cublasLtMatrixLayout_t get() const { return layout_; }
  ColumnMatrix description() const {
    return {.rows = static_cast<int64_t>(get<uint64_t>(CUBLASLT_MATRIX_LAYOUT_ROWS)),
            .columns = static_cast<int64_t>(get<uint64_t>(CUBLASLT_MATRIX_LAYOUT_COLS)),
            .stride = get<int64_t>(CUBLASLT_MATRIX_LAYOUT_LD),
            .dtype = dtype_of_lt(static_cast<int32_t>(get<uint32_t>(CUBLASLT_MATRIX_LAYOUT_TYPE)))};
  }

 private:
  template <typename T>
  T get(cublasLtMatrixLayoutAttribute_t name) const {
    T value{};
    size_t written = 0;
    check_lt(cublasLtMatrixLayoutGetAttribute(layout_, name, &value, sizeof(T), &written),
             "describe a matrix");
    return value;
  }

  cublasLtMatrixLayout_t layout_ = nullptr;
};

/// Owner of a product's description.
class Description {
 public:
  Description() {
    // Sums in f32; f32 products are not rounded to TF32.
    check_lt(cublasLtMatmulDescCreate(&description_, CUBLAS_COMPUTE_32F, CUDA_R_32F),
             "describe a product");
  }
  ~Description() { cublasLtMatmulDescDestroy(description_); }
  Description(const Description&) = delete;
  Description& operator=(const Description&) = delete;

  cublasLtMatmulDesc_t get() const { return description_; }
  template <typename T>
  void set(cublasLtMatmulDescAttributes_t name, const T& value) {
    check_lt(cublasLtMatmulDescSetAttribute(description_, name, &value, sizeof(T)),
             "take a product's attribute");
  }
  template <typename T>
  T get(cublasLtMatmulDescAttributes_t name) const {
    T value{};
    size_t written = 0;
    check_lt(cublasLtMatmulDescGetAttribute(description_, name, &value, sizeof(T), &written),
             "give a product's attribute");
    return value;
  }

 private:
  cublasLtMatmulDesc_t description_ = nullptr;
};

/// Owner of what an algorithm must fit.
class Preference {
 public:
  Preference() { check_lt(cublasLtMatmulPreferenceCreate(&preference_), "take preferences"); }
  ~Preference() { cublasLtMatmulPreferenceDestroy(preference_); }
  Preference(const Preference&) = delete;
  Preference& operator=(const Preference&) = delete;

  cublasLtMatmulPreference_t get() const { return preference_; }
  template <typename T>
  void set(cublasLtMatmulPreferenceAttributes_t name, const T& value) {
    check_lt(cublasLtMatmulPreferenceSetAttribute(preference_, name, &value, sizeof(T)),
             "take a preference");
  }

 private:
  cublasLtMatmulPreference_t preference_ = nullptr;
};

int32_t operation(bool transpose) {
  return static_cast<int32_t>(transpose ? CUBLAS_OP_T : CUBLAS_OP_N);
}

}  // namespace

struct CublasLtProduct::Objects {
  explicit Objects(const ColumnProduct& product)
      : first(product.first), second(product.second), result(product.result) {
    description.set(CUBLASLT_MATMUL_DESC_TRANSA, operation(product.transpose_first));
    description.set(CUBLASLT_MATMUL_DESC_TRANSB, operation(product.transpose_second));
    description.set(CUBLASLT_MATMUL_DESC_EPILOGUE, lt_epilogue(product.epilogue));
    if (product.bias.size > 0) {
      description.set(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE,
                      static_cast<int32_t>(data_type(product.bias.dtype)));
    }
    if (product.aux.rows > 0) {
      description.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD, product.aux.stride);
      description.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE,
                      static_cast<int32_t>(data_type(product.aux.dtype)));
    }
  }

  Description description;
  Layout first;
  Layout second;
  Layout result;  ///< of what beta multiplies too
  EpilogueVector bias;
};

CublasLtProduct::CublasLtProduct(const ColumnProduct& product)
    : objects_(std::make_unique<Objects>(product)), beta_(product.beta) {
  objects_->bias = product.bias;
}

CublasLtProduct::~CublasLtProduct() = default;
CublasLtProduct::CublasLtProduct(CublasLtProduct&&) noexcept = default;
CublasLtProduct& CublasLtProduct::operator=(CublasLtProduct&&) noexcept = default;

void CublasLtProduct::set_pointers(const void* bias, const void* aux) {
  objects_->description.set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
  objects_->description.set(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_POINTER, aux);
}

std::vector<cublasLtMatmulAlgo_t> CublasLtProduct::algorithms(cublasLtHandle_t handle,
                                                              size_t workspace_bytes,
                                                              int most) const {
  const Objects& lt = *objects_;
  const auto alignment = [](const Layout& layout) {
    return static_cast<uint32_t>(column_alignment(layout.description()));
  };
  Preference preference;
  preference.set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, workspace_bytes);
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment(lt.first));
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment(lt.second));
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment(lt.result));
  preference.set(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment(lt.result));
  // Partial sums of a 16-bit result stay f32.
  if (lt.result.description().dtype != DType::f32) {
    preference.set(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
                   static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  }
  std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<size_t>(most));
  int found = 0;
  const cublasStatus_t status = cublasLtMatmulAlgoGetHeuristic(
      handle, lt.description.get(), lt.first.get(), lt.second.get(), lt.result.get(),
      lt.result.get(), preference.get(), most, results.data(), &found);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE) return {};
  check_lt(status, "look for an algorithm");
  std::vector<cublasLtMatmulAlgo_t> algorithms;
  for (int i = 0; i < found; ++i) {
    const auto& result = results[static_cast<size_t>(i)];
    if (result.state == CUBLAS_STATUS_SUCCESS) algorithms.push_back(result.algo);
  }
  return algorithms;
}

bool CublasLtProduct::takes(cublasLtHandle_t handle, const cublasLtMatmulAlgo_t& algorithm,
                            size_t workspace_bytes) const {
  const Objects& lt = *objects_;
  cublasLtMatmulHeuristicResult_t result{};
  const cublasStatus_t status =
      cublasLtMatmulAlgoCheck(handle, lt.description.get(), lt.first.get(), lt.second.get(),
                              lt.result.get(), lt.result.get(), &algorithm, &result);
  return status == CUBLAS_STATUS_SUCCESS && result.workspaceSize <= workspace_bytes;
}

cublasStatus_t CublasLtProduct::run(cublasLtHandle_t handle, cudaStream_t stream,
                                    const cublasLtMatmulAlgo_t& algorithm, const void* first,
                                    const void* second, void* result,
                                    std::span<std::byte> workspace) const {
  const Objects& lt = *objects_;
  const float alpha = 1.0F;
  return cublasLtMatmul(handle, lt.description.get(), &alpha, first, lt.first.get(), second,
                        lt.second.get(), &beta_, result, lt.result.get(), result, lt.result.get(),
                        &algorithm, workspace.data(), workspace.size(), stream);
}

ColumnProduct CublasLtProduct::description() const {
  const Description& lt = objects_->description;
  ColumnProduct product;
  product.first = objects_->first.description();
  product.second = objects_->second.description();
  product.result = objects_->result.description();
  product.transpose_first = lt.get<int32_t>(CUBLASLT_MATMUL_DESC_TRANSA) == operation(true);
  product.transpose_second = lt.get<int32_t>(CUBLASLT_MATMUL_DESC_TRANSB) == operation(true);
  product.m = product.result.rows;
  product.n = product.result.columns;
  product.k = product.transpose_first ? product.first.rows : product.first.columns;
  product.beta = beta_;
  product.epilogue = epilogue_of_lt(lt.get<uint32_t>(CUBLASLT_MATMUL_DESC_EPILOGUE));
  product.bias = objects_->bias;
  if (product.bias.size > 0) {
    product.bias.dtype = dtype_of_lt(lt.get<int32_t>(CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE));
  }
  const auto aux_stride = lt.get<int64_t>(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_LD);
  if (aux_stride > 0) {
    product.aux = product.result;
    product.aux.stride = aux_stride;
    product.aux.dtype = dtype_of_lt(lt.get<int32_t>(CUBLASLT_MATMUL_DESC_EPILOGUE_AUX_DATA_TYPE));
  }
  return product;
}

}  // namespace weft::kernels
