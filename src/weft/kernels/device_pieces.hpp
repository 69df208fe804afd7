#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "weft/base/error.hpp"

namespace weft::kernels::cuda {

/// Where pieces of a device's workspace start: at multiples of this.
inline constexpr size_t kPieceBytes = 256;

/// How large a workspace is for pieces that are taken in the same order.
class DeviceSizes {
 public:
  void add(size_t bytes) { bytes_ += (bytes + kPieceBytes - 1) / kPieceBytes * kPieceBytes; }
  /// With room for a workspace that starts anywhere.
  size_t bytes() const { return bytes_ + kPieceBytes - 1; }

 private:
  size_t bytes_ = 0;
};

/// The workspace of a call, which is handed out piece by piece.
class DevicePieces {
 public:
  explicit DevicePieces(std::span<std::byte> workspace) : left_(workspace) {}

  /// Memory of `bytes` that nothing else uses.
  template <typename T>
  T* take(size_t bytes) {
    const auto address = reinterpret_cast<uintptr_t>(left_.data());
    const size_t skipped = (kPieceBytes - address % kPieceBytes) % kPieceBytes;
    check(skipped + bytes <= left_.size(), ErrorKind::internal,
          "a workspace of {} bytes has no room for {} more", left_.size(), bytes);
    std::byte* piece = left_.data() + skipped;
    left_ = left_.subspan(skipped + bytes);
    return reinterpret_cast<T*>(piece);
  }

 private:
  std::span<std::byte> left_;
};

}  // namespace weft::kernels::cuda
