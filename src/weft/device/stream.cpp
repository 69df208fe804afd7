#include "weft/device/stream.hpp"

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

}  // namespace weft
