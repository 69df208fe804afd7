#pragma once

#include <cstdint>
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

/// An ordered queue of kernels on one device. On the CPU every kernel has finished when its call
/// returns, so `synchronize` and events have nothing to wait for.
class Stream {
 public:
  /// `set` chooses the CPU's kernels; this processor must have it.
  explicit Stream(Device device = {}, InstructionSet set = best_instruction_set())
      : device_(device), instruction_set_(set) {}

  Device device() const { return device_; }
  InstructionSet instruction_set() const { return instruction_set_; }
  /// Returns when everything enqueued so far has finished.
  void synchronize() const {}

  /// From here on kernels of this stream are timed by `clock`, which outlives its use; null: not.
  void set_clock(KernelClock* clock) { clock_ = clock; }
  /// The clock, which is taken off the stream.
  KernelClock* take_clock() { return std::exchange(clock_, nullptr); }

 private:
  Device device_;
  InstructionSet instruction_set_;
  KernelClock* clock_ = nullptr;
};

}  // namespace weft
