#pragma once

#include <cuda_runtime_api.h>

#include <utility>

#include "weft/base/error.hpp"

namespace weft {

/// Throws Error{device} with CUDA's own words unless `status` is success.
inline void check_cuda(cudaError_t status, const char* what) {
  check(status == cudaSuccess, ErrorKind::device, "CUDA cannot {}: {}", what,
        cudaGetErrorString(status));
}

/// Streams and events of the calling thread's GPU (EventRing's policy).
struct CudaPolicy {
  /// A queue that does not wait for the default stream. Move-only.
  class Stream {
   public:
    Stream() {
      check_cuda(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "make a stream");
    }
    ~Stream() {
      if (stream_ != nullptr) cudaStreamDestroy(stream_);
    }
    Stream(Stream&& other) noexcept : stream_(std::exchange(other.stream_, nullptr)) {}
    Stream& operator=(Stream&& other) noexcept {
      std::swap(stream_, other.stream_);
      return *this;
    }

    cudaStream_t get() const { return stream_; }
    /// Returns when everything enqueued so far has finished; the rest of the GPU goes on.
    void synchronize() const { check_cuda(cudaStreamSynchronize(stream_), "finish a stream"); }

   private:
    cudaStream_t stream_ = nullptr;
  };

  /// A mark in a stream that keeps no time. Move-only.
  class Event {
   public:
    Event() {
      check_cuda(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming), "make an event");
    }
    ~Event() {
      if (event_ != nullptr) cudaEventDestroy(event_);
    }
    Event(Event&& other) noexcept : event_(std::exchange(other.event_, nullptr)) {}
    Event& operator=(Event&& other) noexcept {
      std::swap(event_, other.event_);
      return *this;
    }

    cudaEvent_t get() const { return event_; }

   private:
    cudaEvent_t event_ = nullptr;
  };

  static void record(Event& event, const Stream& stream) {
    check_cuda(cudaEventRecord(event.get(), stream.get()), "record an event");
  }
  static void wait(const Stream& stream, const Event& event) {
    check_cuda(cudaStreamWaitEvent(stream.get(), event.get()), "wait for an event");
  }
};

}  // namespace weft
