#include "weft/device/memory_resource.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "weft/base/error.hpp"

namespace weft {
namespace {

/// Host memory that counts what is taken and returned.
class CountingMemory final : public MemoryResource {
 public:
  void* allocate(size_t bytes) override {
    taken += bytes;
    return host_memory().allocate(bytes);
  }
  void deallocate(void* pointer, size_t bytes) noexcept override {
    returned += bytes;
    host_memory().deallocate(pointer, bytes);
  }
  void clear(void* pointer, size_t bytes) override {
    cleared += bytes;
    host_memory().clear(pointer, bytes);
  }
  Device device() const override { return {DeviceType::cuda, 3}; }

  size_t cleared = 0;
  size_t taken = 0;
  size_t returned = 0;
};

TEST(Buffer, IsAlignedAndZero) {
  for (const size_t bytes : {size_t{1}, size_t{63}, size_t{4096}, size_t{3} << 20}) {
    const Buffer buffer(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % kAlignment, 0u) << bytes;
    EXPECT_EQ(buffer.size_bytes(), bytes);
    EXPECT_TRUE(std::all_of(buffer.data(), buffer.data() + bytes,
                            [](std::byte byte) { return byte == std::byte{0}; }));
  }
}

TEST(Buffer, LargeBlocksStartOnAHugePage) {
  const Buffer buffer(size_t{2} << 20);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % (size_t{2} << 20), 0u);
}

TEST(Buffer, OfNoBytesHasNoMemory) {
  const Buffer buffer(0);
  EXPECT_EQ(buffer.data(), nullptr);
  EXPECT_EQ(buffer.size_bytes(), 0u);
}

TEST(Buffer, ReturnsItsMemoryOnceAfterMoves) {
  CountingMemory memory;
  {
    Buffer first(100, memory);
    Buffer second(50, memory);
    Buffer third(std::move(first));
    second = std::move(third);
    EXPECT_EQ(second.size_bytes(), 100u);
    EXPECT_EQ(first.data(), nullptr);  // NOLINT(bugprone-use-after-move): its documented state
  }
  EXPECT_EQ(memory.taken, 150u);
  EXPECT_EQ(memory.returned, 150u);
}

TEST(PlannedMemory, IsOneBlockOfItsSource) {
  CountingMemory memory;
  {
    PlannedMemory planned(512, memory);
    EXPECT_EQ(memory.taken, 512u);
    const Buffer first(100, planned);
    const Buffer second(64, planned);
    EXPECT_EQ(first.device(), memory.device());
    EXPECT_EQ(second.data() - first.data(), 256);
    EXPECT_EQ(memory.cleared, 164u);
    EXPECT_EQ(memory.taken, 512u);
  }
  EXPECT_EQ(memory.returned, 512u);
}

TEST(HostMemory, SaysHowMuchItCouldNotGive) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer ends the process when an allocation is absurd";
#endif
  constexpr size_t kTooMuch = size_t{1} << 62;
  try {
    host_memory().allocate(kTooMuch);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::device);
    EXPECT_NE(std::string(error.what()).find("4611686018427387904 bytes"), std::string::npos);
    EXPECT_FALSE(error.hint().empty());
    return;
  }
  FAIL() << "the machine gave 2^62 bytes";
}

TEST(AlignedSize, RoundsUpToTheAlignment) {
  EXPECT_EQ(aligned_size(0), 0u);
  EXPECT_EQ(aligned_size(1), 256u);
  EXPECT_EQ(aligned_size(256), 256u);
  EXPECT_EQ(aligned_size(257), 512u);
}

TEST(Device, NamesItself) {
  EXPECT_EQ(to_string(Device{}), "cpu");
  EXPECT_EQ(to_string(Device{DeviceType::cuda, 1}), "cuda:1");
  EXPECT_EQ(Stream().device(), Device{});
}

}  // namespace
}  // namespace weft
