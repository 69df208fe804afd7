// Matrix products on CUDA: cuBLASLt with the algorithm that is fastest for each shape.
#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

#include "weft/kernels/column_product.hpp"
#include "weft/kernels/cublaslt_product.cuh"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

namespace {

/// What cuBLASLt wants on Hopper (reference/cuda.md 2.1).
constexpr size_t kWorkspaceBytes = size_t{32} << 20;
/// Algorithms that are timed.
constexpr int kCandidates = 8;

/// A start and an end in a stream.
class Timer {
 public:
  Timer() {
    check_cuda(cudaEventCreate(&start_), "make an event");
    check_cuda(cudaEventCreate(&end_), "make an event");
  }
  ~Timer() {
    cudaEventDestroy(start_);
    cudaEventDestroy(end_);
  }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  /// Milliseconds that `work` takes on `stream`.
  template <typename Work>
  float measure(cudaStream_t stream, const Work& work) {
    check_cuda(cudaEventRecord(start_, stream), "record an event");
    work();
    check_cuda(cudaEventRecord(end_, stream), "record an event");
    check_cuda(cudaEventSynchronize(end_), "wait for an event");
    float milliseconds = 0.0F;
    check_cuda(cudaEventElapsedTime(&milliseconds, start_, end_), "read a time");
    return milliseconds;
  }

 private:
  cudaEvent_t start_ = nullptr;
  cudaEvent_t end_ = nullptr;
};

/// Device memory for the operands of a trial; of no bytes when the GPU has none left.
class TrialMemory {
 public:
  explicit TrialMemory(size_t bytes) {
    if (cudaMalloc(&data_, bytes) != cudaSuccess) {
      cudaGetLastError();  // having no memory left is no error here
      data_ = nullptr;
    }
  }
  ~TrialMemory() { cudaFree(data_); }
  TrialMemory(const TrialMemory&) = delete;
  TrialMemory& operator=(const TrialMemory&) = delete;

  std::byte* data() const { return static_cast<std::byte*>(data_); }

 private:
  void* data_ = nullptr;
};

size_t bytes_of(const ColumnMatrix& matrix) {
  return aligned_size(static_cast<size_t>(matrix.stride * matrix.columns) * size_of(matrix.dtype));
}

/// Times each of `algorithms` on a product of small numbers and returns the fastest; the first
/// where there is no memory for a trial.
cublasLtMatmulAlgo_t fastest(const KernelQueue& queue, const ColumnProduct& product,
                             const CublasLtProduct& lt,
                             const std::vector<cublasLtMatmulAlgo_t>& algorithms) {
  const size_t first_bytes = bytes_of(product.first);
  const size_t second_bytes = bytes_of(product.second);
  const size_t result_bytes = bytes_of(product.result);
  const size_t bytes = first_bytes + second_bytes + result_bytes + kWorkspaceBytes;
  const TrialMemory memory(bytes);
  if (memory.data() == nullptr) return algorithms.front();
  std::byte* const second = memory.data() + first_bytes;
  std::byte* const result = second + second_bytes;
  // 0.0107 in bf16, 1.06 in f16: numbers of some bits, since zeros multiply faster.
  constexpr int kByte = 0x3c;
  check_cuda(cudaMemsetAsync(memory.data(), kByte, bytes, queue.get()), "set memory");

  Timer timer;
  size_t best = 0;
  float best_time = 0.0F;
  for (size_t i = 0; i < algorithms.size(); ++i) {
    const auto run = [&] {
      return lt.run(queue.cublaslt(), queue.get(), algorithms[i], memory.data(), second, result,
                    {result + result_bytes, kWorkspaceBytes});
    };
    if (run() != CUBLAS_STATUS_SUCCESS) continue;
    float time = timer.measure(queue.get(), run);
    for (int repeat = 0; repeat < 2; ++repeat) {
      time = std::min(time, timer.measure(queue.get(), run));
    }
    if (best_time == 0.0F || time < best_time) {
      best = i;
      best_time = time;
    }
  }
  return algorithms[best];
}

/// The algorithm of each product that the process has asked for, so that equal layers share one.
class AlgorithmCache {
 public:
  cublasLtMatmulAlgo_t of(const KernelQueue& queue, const ColumnProduct& product,
                          CublasLtProduct& lt) {
    const std::lock_guard lock(mutex_);
    const Key key = key_of(queue, product);
    if (const auto found = algorithms_.find(key); found != algorithms_.end()) return found->second;
    const std::vector<cublasLtMatmulAlgo_t> offered =
        lt.algorithms(queue.cublaslt(), kWorkspaceBytes, kCandidates);
    check(!offered.empty(), ErrorKind::device,
          "cuBLASLt has no algorithm for a product of m = {}, n = {}, k = {} of {} into {}",
          product.n, product.m, product.k, name(product.first.dtype), name(product.result.dtype));
    // A trial has no bias to read.
    const bool tries = offered.size() > 1 && product.epilogue == Epilogue::none;
    return algorithms_
        .emplace(key, tries ? fastest(queue, product, lt, offered) : offered.front())
        .first->second;
  }

 private:
  using Key = std::tuple<int, int64_t, int64_t, int64_t, bool, bool, DType, DType, int64_t, int64_t,
                         float, Epilogue>;

  static Key key_of(const KernelQueue& queue, const ColumnProduct& product) {
    return {queue.device().index,     product.m,
            product.n,                product.k,
            product.transpose_first,  product.transpose_second,
            product.first.dtype,      product.result.dtype,
            product.first.stride,     product.second.stride,
            product.beta,             product.epilogue};
  }

  std::mutex mutex_;
  std::map<Key, cublasLtMatmulAlgo_t> algorithms_;
};

AlgorithmCache& algorithm_cache() {
  static AlgorithmCache cache;
  return cache;
}

/// One product of cuBLASLt.
class CublasLtGemm final : public GemmBackend {
 public:
  CublasLtGemm(const KernelQueue& queue, const ColumnProduct& product) : lt_(product) {
    // Biases stand at multiples of kAlignment, which cuBLASLt reads off their address.
    if (product.bias.size > 0) lt_.set_pointers(reinterpret_cast<const void*>(kAlignment), nullptr);
    algorithm_ = algorithm_cache().of(queue, product, lt_);
  }

  size_t workspace_bytes() const override { return kWorkspaceBytes; }

  void run(const Context& context, ConstTensorView a, ConstTensorView b, TensorView c,
           ConstTensorView bias) const override {
    const KernelQueue& queue = queue_of(context.stream);
    if (!bias.empty()) lt_.set_pointers(bias.raw(), nullptr);
    const cublasStatus_t status = lt_.run(queue.cublaslt(), queue.get(), algorithm_, b.raw(),
                                          a.raw(), c.raw(), context.workspace);
    check(status == CUBLAS_STATUS_SUCCESS, ErrorKind::device, "cuBLASLt cannot multiply: {}",
          cublasLtGetStatusString(status));
  }

 private:
  mutable CublasLtProduct lt_;
  cublasLtMatmulAlgo_t algorithm_{};
};

}  // namespace

std::unique_ptr<GemmBackend> make_gemm(const Stream& stream, const GemmSpec& spec) {
  return std::make_unique<CublasLtGemm>(queue_of(stream), column_product(spec));
}

}  // namespace weft::kernels::cuda
