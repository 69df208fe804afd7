#include "weft/device/cuda_backend.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <system_error>

namespace weft {

std::filesystem::path cuda_backend_path() {
  std::error_code error;
  const std::filesystem::path program = std::filesystem::read_symlink("/proc/self/exe", error);
  return program.parent_path() / "weft_cuda.so";
}

CudaOpening open_cuda_backend(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return {.problem =
                fmt::format("this build has no CUDA backend ({} does not exist)", path.string())};
  }
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    return {.problem = fmt::format("the CUDA backend cannot be loaded: {}", dlerror())};
  }
  auto* const entry = reinterpret_cast<CudaBackend::Entry*>(dlsym(library, CudaBackend::kEntry));
  const CudaBackend* const backend = entry == nullptr ? nullptr : entry(CudaBackend::kInterface);
  if (backend == nullptr) {
    dlclose(library);
    return {.problem = fmt::format("{} belongs to another version of weft", path.string())};
  }
  return {.backend = backend, .problem = {}};
}

}  // namespace weft
