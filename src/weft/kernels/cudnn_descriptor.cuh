#pragma once

#include <cudnn_graph.h>

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "weft/base/error.hpp"

namespace weft::kernels {

/// Throws Error{device} with cuDNN's own words unless `status` is success.
inline void check_cudnn(cudnnStatus_t status, const char* what) {
  if (status == CUDNN_STATUS_SUCCESS) [[likely]]
    return;
  char message[512] = {};
  cudnnGetLastErrorString(message, sizeof(message));
  fail(ErrorKind::device, "cuDNN cannot {}: {} ({})", what, cudnnGetErrorString(status),
       static_cast<const char*>(message));
}

/// Owner of an object of cuDNN's backend. Move-only.
class CudnnDescriptor {
 public:
  explicit CudnnDescriptor(cudnnBackendDescriptorType_t type) {
    check_cudnn(cudnnBackendCreateDescriptor(type, &descriptor_), "make a descriptor");
  }
  ~CudnnDescriptor() {
    if (descriptor_ != nullptr) cudnnBackendDestroyDescriptor(descriptor_);
  }
  CudnnDescriptor(CudnnDescriptor&& other) noexcept
      : descriptor_(std::exchange(other.descriptor_, nullptr)) {}
  CudnnDescriptor& operator=(CudnnDescriptor&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }

  cudnnBackendDescriptor_t get() const { return descriptor_; }

  template <typename T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type,
           std::span<const T> values) {
    check_cudnn(cudnnBackendSetAttribute(descriptor_, name, type,
                                         static_cast<int64_t>(values.size()), values.data()),
                "set an attribute");
  }
  template <typename T>
  void set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const T& value) {
    set(name, type, std::span<const T>(&value, 1));
  }
  void set(cudnnBackendAttributeName_t name, const CudnnDescriptor& value) {
    set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, value.get());
  }
  void set_text(cudnnBackendAttributeName_t name, const std::string& text) {
    set(name, CUDNN_TYPE_CHAR, std::span<const char>(text.data(), text.size()));
  }
  int64_t get_int64(cudnnBackendAttributeName_t name) const {
    int64_t value = 0;
    int64_t count = 0;
    check_cudnn(cudnnBackendGetAttribute(descriptor_, name, CUDNN_TYPE_INT64, 1, &count, &value),
                "read an attribute");
    return value;
  }
  std::string get_text(cudnnBackendAttributeName_t name) const {
    int64_t size = 0;
    check_cudnn(cudnnBackendGetAttribute(descriptor_, name, CUDNN_TYPE_CHAR, 0, &size, nullptr),
                "read the size of a text");
    std::string text(static_cast<size_t>(size), '\0');
    check_cudnn(
        cudnnBackendGetAttribute(descriptor_, name, CUDNN_TYPE_CHAR, size, &size, text.data()),
        "read a text");
    while (!text.empty() && text.back() == '\0') text.pop_back();
    return text;
  }

  cudnnStatus_t try_finalize() { return cudnnBackendFinalize(descriptor_); }
  void finalize(const char* what) { check_cudnn(try_finalize(), what); }

 private:
  cudnnBackendDescriptor_t descriptor_ = nullptr;
};

}  // namespace weft::kernels
