#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "weft/device/instruction_set.hpp"

namespace weft {

enum class DeviceType : uint8_t { cpu, cuda };

/// Where memory lives and kernels run.
struct Device {
  DeviceType type = DeviceType::cpu;
  int index = 0;

  friend bool operator==(const Device&, const Device&) = default;
};

/// "cpu", "cuda:0"
std::string to_string(Device device);

class KernelClock;

namespace kernels {
struct CudaKernels;
}

/// The queue behind the streams of a GPU, made by the CUDA backend. Belongs to one thread.
class DeviceQueue {
 public:
  virtual ~DeviceQueue() = default;
  virtual Device device() const = 0;
  /// Returns when everything enqueued so far has finished.
  virtual void synchronize() = 0;
  /// Enqueues a copy of `bytes` from the host; `from` may change once this returns.
  virtual void upload(const void* from, void* to, size_t bytes) = 0;
  /// Copies `bytes` to the host, after everything enqueued so far; returns when they are there.
  virtual void download(const void* from, void* to, size_t bytes) = 0;
  /// What runs on this queue.
  virtual const kernels::CudaKernels& kernels() const = 0;
};

/// An ordered queue of kernels on one device. On the CPU every kernel has finished when its call
/// returns, so there is nothing to wait for. Copies of a GPU's stream share its queue.
class Stream {
 public:
  /// `set` chooses the CPU's kernels; this processor must have it.
  explicit Stream(Device device = {}, InstructionSet set = best_instruction_set())
      : device_(device), instruction_set_(set) {}

  /// The stream of a GPU.
  explicit Stream(std::shared_ptr<DeviceQueue> queue)
      : device_(queue->device()),
        instruction_set_(best_instruction_set()),
        queue_(std::move(queue)) {}

  Device device() const { return device_; }
  /// The GPU's queue; null on the CPU.
  DeviceQueue* queue() const { return queue_.get(); }
  InstructionSet instruction_set() const { return instruction_set_; }
  /// Returns when everything enqueued so far has finished.
  void synchronize() const {
    if (queue_ != nullptr) queue_->synchronize();
  }
  /// Copies `bytes` of host memory to the device; `from` may change once this returns.
  void upload(const void* from, void* to, size_t bytes) const;
  /// Copies `bytes` of the device to host memory, and returns when they are there.
  void download(const void* from, void* to, size_t bytes) const;

  /// From here on kernels of this stream are timed by `clock`, which outlives its use; null: not.
  void set_clock(KernelClock* clock) { clock_ = clock; }
  /// The clock, which is taken off the stream.
  KernelClock* take_clock() { return std::exchange(clock_, nullptr); }

 private:
  Device device_;
  InstructionSet instruction_set_;
  std::shared_ptr<DeviceQueue> queue_;
  KernelClock* clock_ = nullptr;
};

}  // namespace weft
