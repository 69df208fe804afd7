#include "weft/device/compute_device.hpp"

#include <fmt/format.h>

namespace weft {

ComputeDevice::ComputeDevice(const CudaBackend& backend, int index, const GpuFacts& facts)
    : device_{DeviceType::cuda, index},
      backend_(&backend),
      gpu_(facts),
      memory_(backend.make_memory(index)) {}

int64_t ComputeDevice::free_bytes() const { return backend_->free_bytes(device_.index); }

std::string ComputeDevice::description() const {
  return is_gpu() ? fmt::format("{} ({})", to_string(device_), gpu_.name.data())
                  : to_string(device_);
}

Stream ComputeDevice::make_stream() const {
  return is_gpu() ? Stream(backend_->make_queue(device_.index)) : Stream();
}

}  // namespace weft
