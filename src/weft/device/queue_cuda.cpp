#include <algorithm>
#include <cstring>

#include "weft/device/cuda_queue.cuh"

namespace weft {

namespace {

/// Makes GPU `index` the calling thread's before anything is made on it.
CudaPolicy::Stream stream_of(int index) {
  check_cuda(cudaSetDevice(index), "use the GPU");
  return {};
}

}  // namespace

CudaQueue::CudaQueue(int index) : index_(index), stream_(stream_of(index)) {
  for (Stage& stage : stages_) stage.memory = Buffer(kStageBytes, pinned_);
}

CudaQueue::~CudaQueue() {
  // Copies out of the stages may still run.
  cudaStreamSynchronize(stream_.get());
}

void CudaQueue::upload(const void* from, void* to, size_t bytes) {
  for (size_t done = 0; done < bytes; done += kStageBytes) {
    Stage& stage = stages_[next_];
    next_ = (next_ + 1) % stages_.size();
    if (stage.in_use) check_cuda(cudaEventSynchronize(stage.copied.get()), "wait for a copy");
    const size_t count = std::min(kStageBytes, bytes - done);
    std::memcpy(stage.memory.data(), static_cast<const std::byte*>(from) + done, count);
    check_cuda(cudaMemcpyAsync(static_cast<std::byte*>(to) + done, stage.memory.data(), count,
                               cudaMemcpyHostToDevice, stream_.get()),
               "copy to the GPU");
    CudaPolicy::record(stage.copied, stream_);
    stage.in_use = true;
  }
}

void CudaQueue::download(const void* from, void* to, size_t bytes) {
  if (bytes > 0) {
    check_cuda(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream_.get()),
               "copy from the GPU");
  }
  synchronize();
}

}  // namespace weft
