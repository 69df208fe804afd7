#include "weft/device/stream.hpp"

#include <cstring>

#include <fmt/format.h>

namespace weft {

std::string to_string(Device device) {
  switch (device.type) {
    case DeviceType::cpu:
      return "cpu";
    case DeviceType::cuda:
      return fmt::format("cuda:{}", device.index);
  }
  return fmt::format("device:{}", device.index);
}

void Stream::upload(const void* from, void* to, size_t bytes) const {
  if (queue_ != nullptr) {
    queue_->upload(from, to, bytes);
  } else if (bytes > 0) {
    std::memcpy(to, from, bytes);
  }
}

void Stream::download(const void* from, void* to, size_t bytes) const {
  if (queue_ != nullptr) {
    queue_->download(from, to, bytes);
  } else if (bytes > 0) {
    std::memcpy(to, from, bytes);
  }
}

}  // namespace weft
