// Algorithms of cuBLASLt by trial.
#include "weft/kernels/gemm_tuning.cuh"

#include <algorithm>
#include <bit>
#include <map>
#include <mutex>

#include "weft/kernels/kept_plans.hpp"

namespace weft::kernels::cuda {

namespace {

/// Algorithms that are timed.
constexpr int kCandidates = 8;
/// Each of them runs once to warm up and this often for its shortest time.
constexpr int kRepeats = 3;

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

  /// Milliseconds of the shortest of a few runs of `work` on `stream`.
  template <typename Work>
  float shortest(cudaStream_t stream, const Work& work) {
    float best = measure(stream, work);
    for (int i = 1; i < kRepeats; ++i) best = std::min(best, measure(stream, work));
    return best;
  }

 private:
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

  cudaEvent_t start_ = nullptr;
  cudaEvent_t end_ = nullptr;
};

size_t bytes_of(const ColumnMatrix& matrix) {
  return aligned_size(static_cast<size_t>(matrix.stride * matrix.columns) * size_of(matrix.dtype));
}

/// Device memory of a trial: the product's operands and workspace, filled with small numbers.
/// Without memory when the GPU has none left.
class Trial {
 public:
  Trial(const KernelQueue& queue, const ColumnProduct& product)
      : queue_(queue),
        first_bytes_(bytes_of(product.first)),
        second_bytes_(bytes_of(product.second)),
        result_bytes_(bytes_of(product.result)),
        bias_bytes_(
            aligned_size(static_cast<size_t>(product.bias.size) * size_of(product.bias.dtype))),
        aux_bytes_(bytes_of(product.aux)),
        bytes_(first_bytes_ + second_bytes_ + result_bytes_ + bias_bytes_ + aux_bytes_ +
               kGemmWorkspaceBytes) {
    if (cudaMalloc(&data_, bytes_) != cudaSuccess) {
      cudaGetLastError();  // having no memory left is no error here
      data_ = nullptr;
      return;
    }
    // 0.0107 in bf16, 1.06 in f16: numbers of some bits, since zeros multiply faster.
    constexpr int kByte = 0x3c;
    check_cuda(cudaMemsetAsync(data_, kByte, bytes_, queue.get()), "set memory");
  }
  ~Trial() { cudaFree(data_); }
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  bool has_memory() const { return data_ != nullptr; }

  /// The fastest of `algorithms`; the first, with a time of 0, when none runs.
  TunedProduct fastest(CublasLtProduct& lt,
                       const std::vector<cublasLtMatmulAlgo_t>& algorithms) const {
    auto* const first = static_cast<std::byte*>(data_);
    std::byte* const second = first + first_bytes_;
    std::byte* const result = second + second_bytes_;
    std::byte* const bias = result + result_bytes_;
    std::byte* const aux = bias + bias_bytes_;
    std::byte* const workspace = aux + aux_bytes_;
    lt.set_pointers(bias_bytes_ > 0 ? bias : nullptr, aux_bytes_ > 0 ? aux : nullptr);
    TunedProduct best{.milliseconds = 0.0F,
                      .algorithm = std::bit_cast<TunedProduct::Algorithm>(algorithms.front())};
    Timer timer;
    for (const cublasLtMatmulAlgo_t& algorithm : algorithms) {
      const auto run = [&] {
        return lt.run(queue_.cublaslt(), queue_.get(), algorithm, first, second, result,
                      {workspace, kGemmWorkspaceBytes});
      };
      if (run() != CUBLAS_STATUS_SUCCESS) continue;
      const float time = timer.shortest(queue_.get(), run);
      if (best.milliseconds == 0.0F || time < best.milliseconds) {
        best = {.milliseconds = time,
                .algorithm = std::bit_cast<TunedProduct::Algorithm>(algorithm)};
      }
    }
    return best;
  }

  /// Milliseconds of a copy that moves `bytes`: reads half of them and writes half.
  float copy_time(int64_t bytes) const {
    auto* const from = static_cast<std::byte*>(data_);
    const size_t half = static_cast<size_t>(bytes) / 2;
    const size_t most = std::min(half, bytes_ / 2);
    if (most == 0) return 0.0F;
    Timer timer;
    const float time = timer.shortest(queue_.get(), [&] {
      check_cuda(
          cudaMemcpyAsync(from + bytes_ / 2, from, most, cudaMemcpyDeviceToDevice, queue_.get()),
          "copy memory");
    });
    return time * static_cast<float>(half) / static_cast<float>(most);
  }

 private:
  const KernelQueue& queue_;
  size_t first_bytes_;
  size_t second_bytes_;
  size_t result_bytes_;
  size_t bias_bytes_;
  size_t aux_bytes_;
  size_t bytes_;
  void* data_ = nullptr;
};

/// What this process has found out or read.
class TunedProducts {
 public:
  /// `plain` is the same product with its epilogue done by other kernels, or the product itself.
  TunedProduct of(const KernelQueue& queue, const ColumnProduct& product,
                  const ColumnProduct& plain) {
    const std::lock_guard lock(mutex_);
    return find(queue, product, plain);
  }

 private:
  TunedProduct find(const KernelQueue& queue, const ColumnProduct& product,
                    const ColumnProduct& plain) {
    const std::string key = fmt::format("{}, cuBLASLt {}: {}", queue.device_name(),
                                        cublasLtGetVersion(), key_of(product, plain.epilogue));
    if (const auto found = products_.find(key); found != products_.end()) return found->second;
    CublasLtProduct lt = aligned_product(product);
    if (const std::optional<TunedProduct> saved = load(queue, key, lt, product == plain)) {
      return products_.emplace(key, *saved).first->second;
    }
    const TunedProduct made =
        product == plain ? tune(queue, product, lt) : tune_fused(queue, product, lt, plain);
    // What was not timed, for want of memory, is tried again by the next run.
    if (made.milliseconds > 0.0F) kept_.save(key, text_of(made));
    return products_.emplace(key, made).first->second;
  }

  std::optional<TunedProduct> load(const KernelQueue& queue, const std::string& key,
                                   const CublasLtProduct& lt, bool is_plain) const {
    const std::optional<std::string> text = kept_.load(key);
    if (!text) return std::nullopt;
    const std::optional<TunedProduct> saved = parse_tuned_product(*text);
    if (!saved) return std::nullopt;
    const bool usable =
        saved->algorithm
            ? lt.takes(queue.cublaslt(), std::bit_cast<cublasLtMatmulAlgo_t>(*saved->algorithm),
                       kGemmWorkspaceBytes)
            : !is_plain;
    return usable ? saved : std::nullopt;
  }

  static TunedProduct tune(const KernelQueue& queue, const ColumnProduct& product,
                           CublasLtProduct& lt) {
    const std::vector<cublasLtMatmulAlgo_t> offered =
        lt.algorithms(queue.cublaslt(), kGemmWorkspaceBytes, kCandidates);
    check(!offered.empty(), ErrorKind::device,
          "cuBLASLt has no algorithm for a product of m = {}, n = {}, k = {} of {} into {}",
          product.n, product.m, product.k, name(product.first.dtype), name(product.result.dtype));
    const Trial trial(queue, product);
    if (trial.has_memory()) return trial.fastest(lt, offered);
    return {.milliseconds = 0.0F,
            .algorithm = std::bit_cast<TunedProduct::Algorithm>(offered.front())};
  }

  TunedProduct tune_fused(const KernelQueue& queue, const ColumnProduct& product,
                          CublasLtProduct& lt, const ColumnProduct& plain) {
    const std::vector<cublasLtMatmulAlgo_t> offered =
        lt.algorithms(queue.cublaslt(), kGemmWorkspaceBytes, kCandidates);
    if (offered.empty()) return {};
    const TunedProduct separate = find(queue, plain, plain);
    const Trial trial(queue, product);
    if (!trial.has_memory() || separate.milliseconds == 0.0F) return {};
    TunedProduct fused = trial.fastest(lt, offered);
    const float other = separate.milliseconds + trial.copy_time(separate_bytes(product));
    if (fused.milliseconds == 0.0F || fused.milliseconds >= other) fused.algorithm.reset();
    return fused;
  }

  std::mutex mutex_;
  KeptPlans kept_{user_cache_directory(), "product"};
  std::map<std::string, TunedProduct> products_;
};

TunedProducts& tuned_products() {
  static TunedProducts products;
  return products;
}

}  // namespace

cublasLtMatmulAlgo_t tuned_algorithm(const KernelQueue& queue, const GemmSpec& spec) {
  const ColumnProduct product = column_product(spec);
  const TunedProduct tuned = tuned_products().of(queue, product, product);
  return std::bit_cast<cublasLtMatmulAlgo_t>(tuned.algorithm.value());
}

std::optional<cublasLtMatmulAlgo_t> tuned_algorithm(const KernelQueue& queue, const GemmSpec& spec,
                                                    Epilogue epilogue) {
  const TunedProduct tuned =
      tuned_products().of(queue, column_product(spec, epilogue), column_product(spec));
  if (!tuned.algorithm) return std::nullopt;
  return std::bit_cast<cublasLtMatmulAlgo_t>(*tuned.algorithm);
}

CublasLtProduct aligned_product(const ColumnProduct& product) {
  CublasLtProduct lt(product);
  // Only its address is looked at.
  alignas(kAlignment) static constexpr std::byte kAligned{};
  lt.set_pointers(product.bias.size > 0 ? &kAligned : nullptr,
                  product.aux.rows > 0 ? &kAligned : nullptr);
  return lt;
}

}  // namespace weft::kernels::cuda
