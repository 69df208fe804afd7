#include "weft/comm/shared_memory.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>

namespace weft::comm {
namespace {

constexpr size_t kBytes = 10'000;

TEST(SharedMemory, ReadersFindEveryBlockWhereItsOffsetSays) {
  SharedMemory memory;
  const auto view = SharedMemoryView::open(memory.address());
  ASSERT_NE(view, nullptr);
  // The view has to grow with the memory.
  std::vector<Buffer> blocks;
  for (const size_t bytes : {size_t{1}, kBytes, size_t{3} << 20, kBytes}) {
    blocks.emplace_back(bytes, memory);
    std::memset(blocks.back().data(), static_cast<int>(blocks.size()), bytes);
    for (size_t i = 0; i < blocks.size(); ++i) {
      const Buffer& block = blocks[i];
      const int64_t offset = memory.offset_of(block.data());
      ASSERT_GE(offset, 0);
      EXPECT_EQ(memory.offset_of(block.data() + block.size_bytes() - 1),
                offset + static_cast<int64_t>(block.size_bytes()) - 1);
      const std::byte* seen = view->at(offset, static_cast<int64_t>(block.size_bytes()));
      ASSERT_NE(seen, nullptr);
      EXPECT_NE(seen, block.data());
      EXPECT_EQ(std::memcmp(seen, block.data(), block.size_bytes()), 0);
    }
  }
}

TEST(SharedMemory, KnowsWhatDoesNotLieInIt) {
  SharedMemory memory;
  const Buffer other(kBytes);
  EXPECT_EQ(memory.offset_of(other.data()), -1);
  const Buffer own(kBytes, memory);
  EXPECT_EQ(memory.offset_of(other.data()), -1);
  EXPECT_EQ(memory.offset_of(own.data() + (1 << 20)), -1);
}

/// What a reader finds in a block after it was given back.
std::byte after_deallocation(SharedMemory& memory) {
  const auto view = SharedMemoryView::open(memory.address());
  int64_t offset = 0;
  {
    const Buffer block(kBytes, memory);
    std::memset(block.data(), 5, kBytes);
    offset = memory.offset_of(block.data());
    EXPECT_EQ(*view->at(offset, kBytes), std::byte{5});
  }
  return *view->at(offset, kBytes);
}

TEST(SharedMemory, TakesNoMemoryForWhatWasGivenBack) {
  SharedMemory memory;
  EXPECT_EQ(after_deallocation(memory), std::byte{0});
  memory.keep_contents();
  EXPECT_EQ(after_deallocation(memory), std::byte{5});
}

TEST(SharedMemory, HasNoNameInTheFileSystem) {
  const SharedMemory memory;
  const SharedMemoryAddress address = memory.address();
  const std::filesystem::path file = "/proc/self/fd/" + std::to_string(address.file);
  EXPECT_FALSE(std::filesystem::exists(std::filesystem::read_symlink(file)));
}

TEST(SharedMemoryView, RefusesWhatIsNotTheMemory) {
  const SharedMemory memory;
  SharedMemoryAddress address = memory.address();
  ++address.token;
  EXPECT_EQ(SharedMemoryView::open(address), nullptr);
  address.file = 1'000'000;
  EXPECT_EQ(SharedMemoryView::open(address), nullptr);
  EXPECT_EQ(SharedMemoryView::open({}), nullptr);
  const auto view = SharedMemoryView::open(memory.address());
  EXPECT_EQ(view->at(int64_t{1} << 30, 1), nullptr);
}

}  // namespace
}  // namespace weft::comm
