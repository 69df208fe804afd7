#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace weft {

/// Sizes of a dense row-major tensor: up to six dims, the last one contiguous.
class Shape {
 public:
  static constexpr size_t kMaxDims = 6;

  constexpr Shape() = default;
  constexpr Shape(std::initializer_list<int64_t> sizes) : num_dims_(sizes.size()) {
    assert(sizes.size() <= kMaxDims);
    size_t dim = 0;
    for (const int64_t size : sizes) sizes_[dim++] = size;
  }

  constexpr size_t num_dims() const { return num_dims_; }
  constexpr int64_t operator[](size_t dim) const {
    assert(dim < num_dims_);
    return sizes_[dim];
  }
  constexpr void set(size_t dim, int64_t size) {
    assert(dim < num_dims_);
    sizes_[dim] = size;
  }
  /// Size of the last dim; 1 for a scalar.
  constexpr int64_t last() const { return num_dims_ == 0 ? 1 : sizes_[num_dims_ - 1]; }
  /// Product of all sizes; 1 for a scalar.
  constexpr int64_t num_elements() const {
    int64_t product = 1;
    for (size_t dim = 0; dim < num_dims_; ++dim) product *= sizes_[dim];
    return product;
  }
  /// Product of all sizes but the last: the rows of the tensor seen as a matrix.
  constexpr int64_t num_rows() const { return last() == 0 ? 0 : num_elements() / last(); }

  friend constexpr bool operator==(const Shape&, const Shape&) = default;

 private:
  std::array<int64_t, kMaxDims> sizes_{};
  size_t num_dims_ = 0;
};

/// "[2, 3]"
std::string to_string(const Shape& shape);

}  // namespace weft
