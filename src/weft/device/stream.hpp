#pragma once

#include <cstdint>
#include <string>

namespace weft {

enum class DeviceType : uint8_t { cpu };

/// Where memory lives and kernels run.
struct Device {
  DeviceType type = DeviceType::cpu;
  int index = 0;

  friend bool operator==(const Device&, const Device&) = default;
};

/// "cpu"
std::string to_string(Device device);

/// An ordered queue of kernels on one device. On the CPU every kernel has finished when its call
/// returns, so `synchronize` and events have nothing to wait for.
class Stream {
 public:
  explicit Stream(Device device = {}) : device_(device) {}

  Device device() const { return device_; }
  /// Returns when everything enqueued so far has finished.
  void synchronize() const {}

 private:
  Device device_;
};

}  // namespace weft
