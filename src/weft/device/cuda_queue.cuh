#pragma once

#include <array>

#include "weft/device/cuda_memory.hpp"
#include "weft/device/cuda_policy.cuh"

namespace weft {

/// A queue of one GPU with pinned memory through which copies from the host go, so that neither
/// side waits for the other. The calling thread's GPU becomes that of the queue.
class CudaQueue : public DeviceQueue {
 public:
  /// Throws Error{device} with CUDA's words.
  explicit CudaQueue(int index);
  ~CudaQueue() override;
  CudaQueue(const CudaQueue&) = delete;
  CudaQueue& operator=(const CudaQueue&) = delete;

  Device device() const override { return {DeviceType::cuda, index_}; }
  void synchronize() override { stream_.synchronize(); }
  void upload(const void* from, void* to, size_t bytes) override;
  void download(const void* from, void* to, size_t bytes) override;

  cudaStream_t get() const { return stream_.get(); }

 private:
  /// Pinned memory for one copy, and the event after which it may be written again.
  struct Stage {
    Buffer memory;
    CudaPolicy::Event copied;
    bool in_use = false;
  };
  static constexpr size_t kStageBytes = size_t{1} << 20;

  int index_;
  CudaPolicy::Stream stream_;
  PinnedMemory pinned_;
  std::array<Stage, 8> stages_;
  size_t next_ = 0;
};

}  // namespace weft
