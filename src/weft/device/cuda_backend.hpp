#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "weft/device/cuda_facts.hpp"
#include "weft/device/memory_resource.hpp"

namespace weft {

/// What weft_cuda.so offers to the program that opens it.
struct CudaBackend {
  /// Changes whenever this struct or a struct it hands over does.
  static constexpr int64_t kInterface = 4;
  /// Name and type of the function that gives the backend; null for another interface.
  static constexpr const char* kEntry = "weft_cuda_backend";
  using Entry = const CudaBackend*(int64_t interface);

  /// Looks for the driver, the libraries and the GPUs. Does not throw.
  CudaFacts (*facts)();
  /// Bytes of GPU `index` that are free; 0 when the runtime does not say.
  int64_t (*free_bytes)(int index);
  /// A queue of GPU `index` for the calling thread, with the handles of the libraries. Throws
  /// Error{device}.
  std::shared_ptr<DeviceQueue> (*make_queue)(int index);
  /// The memory of GPU `index`.
  std::unique_ptr<MemoryResource> (*make_memory)(int index);
};

/// The backend of a shared object, or why there is none.
struct CudaOpening {
  const CudaBackend* backend = nullptr;
  std::string problem;
};

/// weft_cuda.so in the directory of the running program.
std::filesystem::path cuda_backend_path();

/// Opens the shared object at `path` for the rest of the process.
CudaOpening open_cuda_backend(const std::filesystem::path& path);

}  // namespace weft
