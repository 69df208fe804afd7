#pragma once

#include <cassert>
#include <cstddef>
#include <span>

#include "weft/device/memory_resource.hpp"
#include "weft/tensor/dtype.hpp"
#include "weft/tensor/shape.hpp"

namespace weft {

/// A look at read-only dense row-major elements that somebody else owns.
class ConstTensorView {
 public:
  ConstTensorView() = default;
  ConstTensorView(const void* data, DType dtype, Shape shape)
      : data_(data), dtype_(dtype), shape_(shape) {}

  bool empty() const { return data_ == nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t num_elements() const { return shape_.num_elements(); }
  size_t size_bytes() const { return static_cast<size_t>(num_elements()) * size_of(dtype_); }
  const void* raw() const { return data_; }

  template <typename T>
  const T* data() const {
    assert(dtype_ == dtype_of<T>);
    return static_cast<const T*>(data_);
  }
  template <typename T>
  std::span<const T> span() const {
    return {data<T>(), static_cast<size_t>(num_elements())};
  }
  /// The same elements under another shape of equal size.
  ConstTensorView reshape(Shape shape) const {
    assert(shape.num_elements() == num_elements());
    return {data_, dtype_, shape};
  }
  /// `count` entries of the first dim from entry `first`.
  ConstTensorView rows(int64_t first, int64_t count) const;

 private:
  const void* data_ = nullptr;
  DType dtype_ = DType::f32;
  Shape shape_;
};

/// A look at writable dense row-major elements that somebody else owns.
class TensorView {
 public:
  TensorView() = default;
  TensorView(void* data, DType dtype, Shape shape) : data_(data), dtype_(dtype), shape_(shape) {}

  operator ConstTensorView() const {  // NOLINT(google-explicit-constructor)
    return {data_, dtype_, shape_};
  }
  bool empty() const { return data_ == nullptr; }
  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  int64_t num_elements() const { return shape_.num_elements(); }
  size_t size_bytes() const { return static_cast<size_t>(num_elements()) * size_of(dtype_); }
  void* raw() const { return data_; }

  template <typename T>
  T* data() const {
    assert(dtype_ == dtype_of<T>);
    return static_cast<T*>(data_);
  }
  template <typename T>
  std::span<T> span() const {
    return {data<T>(), static_cast<size_t>(num_elements())};
  }
  /// The same elements under another shape of equal size.
  TensorView reshape(Shape shape) const {
    assert(shape.num_elements() == num_elements());
    return {data_, dtype_, shape};
  }
  /// `count` entries of the first dim from entry `first`.
  TensorView rows(int64_t first, int64_t count) const;

 private:
  void* data_ = nullptr;
  DType dtype_ = DType::f32;
  Shape shape_;
};

/// Owner of a dense row-major tensor, zero-filled at construction.
class Tensor {
 public:
  Tensor() = default;
  Tensor(Shape shape, DType dtype, MemoryResource& resource = host_memory())
      : buffer_(static_cast<size_t>(shape.num_elements()) * size_of(dtype), resource),
        dtype_(dtype),
        shape_(shape) {}

  TensorView view() { return {buffer_.data(), dtype_, shape_}; }
  ConstTensorView view() const { return {buffer_.data(), dtype_, shape_}; }
  operator TensorView() { return view(); }             // NOLINT(google-explicit-constructor)
  operator ConstTensorView() const { return view(); }  // NOLINT(google-explicit-constructor)
  const Shape& shape() const { return shape_; }
  DType dtype() const { return dtype_; }

  template <typename T>
  std::span<T> span() {
    return view().span<T>();
  }
  template <typename T>
  std::span<const T> span() const {
    return view().span<T>();
  }

 private:
  Buffer buffer_;
  DType dtype_ = DType::f32;
  Shape shape_;
};

}  // namespace weft
