// The entry of weft_cuda.so, and the queue that it makes.
#include "weft/device/cuda_backend.hpp"
#include "weft/device/facts_cuda.cuh"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

#define WEFT_DECLARATION(name) decltype(kernels::name) name;  // NOLINT(bugprone-macro-parentheses)
WEFT_KERNELS(WEFT_DECLARATION)
#undef WEFT_DECLARATION
std::unique_ptr<GemmBackend> make_gemm(const Stream& stream, const GemmSpec& spec);
std::unique_ptr<GemmBackend> make_fused_gemm(const Stream& stream, const GemmSpec& spec,
                                             Epilogue epilogue);
std::unique_ptr<AttentionBackend> make_attention(const Stream& stream, const AttentionSpec& spec);

namespace {

std::string name_of_device(int index) {
  cudaDeviceProp properties{};
  check_cuda(cudaGetDeviceProperties(&properties, index), "describe a GPU");
  return fmt::format("{}, compute {}.{}, {} multiprocessors", std::string(properties.name),
                     properties.major, properties.minor, properties.multiProcessorCount);
}

}  // namespace

KernelQueue::KernelQueue(int index) : CudaQueue(index), device_name_(name_of_device(index)) {
  const cublasStatus_t lt = cublasLtCreate(&cublaslt_);
  check(lt == CUBLAS_STATUS_SUCCESS, ErrorKind::device, "cuBLASLt cannot be opened on GPU {}: {}",
        index, cublasLtGetStatusString(lt));
  cudnnStatus_t status = cudnnCreate(&cudnn_);
  if (status == CUDNN_STATUS_SUCCESS) status = cudnnSetStream(cudnn_, get());
  check(status == CUDNN_STATUS_SUCCESS, ErrorKind::device, "cuDNN cannot be opened on GPU {}: {}",
        index, cudnnGetErrorString(status));
}

KernelQueue::~KernelQueue() {
  if (cudnn_ != nullptr) cudnnDestroy(cudnn_);
  if (cublaslt_ != nullptr) cublasLtDestroy(cublaslt_);
}

const CudaKernels& KernelQueue::kernels() const {
#define WEFT_ENTRY(name) .name = name,  // NOLINT(bugprone-macro-parentheses)
  static constexpr CudaKernels kKernels{.table = {WEFT_KERNELS(WEFT_ENTRY)},
                                        .make_gemm = make_gemm,
                                        .make_fused_gemm = make_fused_gemm,
                                        .make_attention = make_attention};
#undef WEFT_ENTRY
  return kKernels;
}

namespace {

std::shared_ptr<DeviceQueue> make_queue(int index) { return std::make_shared<KernelQueue>(index); }

std::unique_ptr<MemoryResource> make_memory(int index) {
  return std::make_unique<CudaMemory>(index);
}

}  // namespace

extern "C" __attribute__((visibility("default"))) const CudaBackend* weft_cuda_backend(
    int64_t interface) {
  static constexpr CudaBackend kBackend{.facts = cuda_facts,
                                        .free_bytes = free_gpu_bytes,
                                        .make_queue = make_queue,
                                        .make_memory = make_memory};
  return interface == CudaBackend::kInterface ? &kBackend : nullptr;
}

}  // namespace weft::kernels::cuda
