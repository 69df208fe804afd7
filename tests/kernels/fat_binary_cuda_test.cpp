// The architectures for which weft_cuda.so has code, read from the file as nvcc's fatbinary wrote
// it.
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "support/temp_dir.hpp"

namespace weft::kernels {
namespace {

enum class CodeKind : uint16_t { ptx = 1, machine = 2 };

/// Kind, 10 x compute capability, whether it is for that architecture alone (90a).
using Code = std::tuple<CodeKind, uint32_t, bool>;

template <typename T>
T read_at(const std::string& bytes, size_t place) {
  T value{};
  std::memcpy(&value, bytes.data() + place, sizeof(T));
  return value;
}

/// What each fat binary in `bytes` holds; one per source file with kernels.
std::vector<std::set<Code>> fat_binaries(const std::string& bytes) {
  const std::string magic("\x50\xed\x55\xba\x01\x00\x10\x00", 8);
  constexpr size_t kHeader = 16;
  constexpr uint64_t kOwnArchitecture = 1U << 20;
  std::vector<std::set<Code>> found;
  for (size_t at = bytes.find(magic); at != std::string::npos; at = bytes.find(magic, at + 1)) {
    const size_t end = at + kHeader + read_at<uint64_t>(bytes, at + 8);
    if (end > bytes.size()) continue;
    std::set<Code> codes;
    for (size_t entry = at + kHeader; entry + 48 <= end;) {
      codes.emplace(static_cast<CodeKind>(read_at<uint16_t>(bytes, entry)),
                    read_at<uint32_t>(bytes, entry + 28),
                    (read_at<uint64_t>(bytes, entry + 40) & kOwnArchitecture) != 0);
      entry += read_at<uint32_t>(bytes, entry + 4) + read_at<uint64_t>(bytes, entry + 8);
    }
    found.push_back(codes);
  }
  return found;
}

TEST(CudaBuild, EveryKernelHasCodeForEveryArchitecture) {
  const auto found = fat_binaries(testing::read_file(WEFT_CUDA_BACKEND));
  size_t with_kernels = 0;
  for (const std::set<Code>& codes : found) {
    if (codes.empty()) continue;  // of the CUDA runtime
    ++with_kernels;
    EXPECT_TRUE(codes.contains({CodeKind::machine, 80, false}));
    EXPECT_TRUE(codes.contains({CodeKind::machine, 90, true}));
    EXPECT_TRUE(codes.contains({CodeKind::ptx, 100, false}));
    bool has_100 = false;
    for (const auto& [kind, architecture, own] : codes) {
      has_100 = has_100 || (kind == CodeKind::machine && architecture == 100);
    }
    EXPECT_TRUE(has_100);
  }
  EXPECT_GE(with_kernels, size_t{WEFT_CUDA_KERNEL_FILES});
}

}  // namespace
}  // namespace weft::kernels
