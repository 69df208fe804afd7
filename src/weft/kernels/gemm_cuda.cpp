// Matrix products on CUDA: cuBLASLt with the algorithm that is fastest for each shape.
#include "weft/kernels/gemm_tuning.cuh"

namespace weft::kernels::cuda {

namespace {

/// One product of cuBLASLt.
class CublasLtGemm final : public GemmBackend {
 public:
  CublasLtGemm(const ColumnProduct& product, const cublasLtMatmulAlgo_t& algorithm)
      : lt_(aligned_product(product)), algorithm_(algorithm) {}

  size_t workspace_bytes() const override { return kGemmWorkspaceBytes; }

  void run(const Context& context, ConstTensorView a, ConstTensorView b, TensorView c,
           const EpilogueTensors& tensors) const override {
    const KernelQueue& queue = queue_of(context.stream);
    const void* const bias = either(tensors.bias, tensors.bias_sum);
    const void* const aux = either(tensors.aux_MN, tensors.aux_out_MN);
    if (bias != nullptr || aux != nullptr) lt_.set_pointers(bias, aux);
    const cublasStatus_t status = lt_.run(queue.cublaslt(), queue.get(), algorithm_, b.raw(),
                                          a.raw(), c.raw(), context.workspace);
    check(status == CUBLAS_STATUS_SUCCESS, ErrorKind::device, "cuBLASLt cannot multiply: {}",
          cublasLtGetStatusString(status));
  }

 private:
  static const void* either(ConstTensorView read, ConstTensorView written) {
    return written.empty() ? read.raw() : written.raw();
  }

  mutable CublasLtProduct lt_;
  cublasLtMatmulAlgo_t algorithm_;
};

}  // namespace

std::unique_ptr<GemmBackend> make_gemm(const Stream& stream, const GemmSpec& spec) {
  return std::make_unique<CublasLtGemm>(column_product(spec),
                                        tuned_algorithm(queue_of(stream), spec));
}

std::unique_ptr<GemmBackend> make_fused_gemm(const Stream& stream, const GemmSpec& spec,
                                             Epilogue epilogue) {
  const auto algorithm = tuned_algorithm(queue_of(stream), spec, epilogue);
  if (!algorithm) return nullptr;
  return std::make_unique<CublasLtGemm>(column_product(spec, epilogue), *algorithm);
}

}  // namespace weft::kernels::cuda
