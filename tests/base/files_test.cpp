#include "weft/base/files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sys/resource.h>
#include <algorithm>
#include <csignal>

#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include "support/temp_dir.hpp"

namespace weft {
namespace {

using ::testing::HasSubstr;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

/// Kind and message of the Error that `action` throws; a test failure when it throws none.
std::pair<ErrorKind, std::string> error_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    return {error.kind(), error.what()};
  }
  ADD_FAILURE() << "nothing was thrown";
  return {};
}

auto entries(const TempDir& dir) {
  return std::distance(std::filesystem::directory_iterator(dir.path()), {});
}

TEST(MappedFile, ShowsTheWholeFile) {
  const TempDir dir;
  const std::string text("first\nsecond\0third", 18);
  const MappedFile file(write_file(dir / "x", text), ErrorKind::data);
  EXPECT_EQ(file.text(), text);
  EXPECT_EQ(file.bytes().size(), text.size());
}

TEST(MappedFile, EmptyFileIsAnEmptySpan) {
  const TempDir dir;
  const MappedFile file(write_file(dir / "x", ""), ErrorKind::data);
  EXPECT_TRUE(file.bytes().empty());
}

TEST(MappedFile, MovesKeepTheMapping) {
  const TempDir dir;
  MappedFile first(write_file(dir / "x", "one"), ErrorKind::data);
  MappedFile second(std::move(first));
  EXPECT_EQ(second.text(), "one");
  MappedFile third(write_file(dir / "y", "two"), ErrorKind::data);
  third = std::move(second);
  EXPECT_EQ(third.text(), "one");
}

TEST(MappedFile, MissingFileNamesPathAndReason) {
  const TempDir dir;
  const auto [kind, message] =
      error_of([&] { const MappedFile file(dir / "absent.idx", ErrorKind::checkpoint); });
  EXPECT_EQ(kind, ErrorKind::checkpoint);
  EXPECT_THAT(message, HasSubstr((dir / "absent.idx").string()));
  EXPECT_THAT(message, HasSubstr("No such file"));
}

TEST(MappedFile, DirectoryIsRefused) {
  const TempDir dir;
  const auto [kind, message] =
      error_of([&] { const MappedFile file(dir.path(), ErrorKind::data); });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_THAT(message, HasSubstr("not a regular file"));
}

TEST(ReadTextFile, ReturnsTextAndRefusesMissingFiles) {
  const TempDir dir;
  EXPECT_EQ(read_text_file(write_file(dir / "x", "text\n"), ErrorKind::data), "text\n");
  EXPECT_THROW(read_text_file(dir / "absent", ErrorKind::data), Error);
}

TEST(AtomicFile, AppearsOnlyAtCommit) {
  const TempDir dir;
  AtomicFile file(dir / "x", ErrorKind::data);
  file.write("one ");
  file.write(std::string_view());
  file.write("two");
  EXPECT_FALSE(std::filesystem::exists(dir / "x"));
  file.commit();
  EXPECT_EQ(read_file(dir / "x"), "one two");
  EXPECT_EQ(entries(dir), 1);
}

TEST(AtomicFile, WithoutCommitNothingIsLeft) {
  const TempDir dir;
  {
    AtomicFile file(dir / "x", ErrorKind::data);
    file.write("lost");
  }
  EXPECT_EQ(entries(dir), 0);
}

TEST(AtomicFile, WithoutCommitTheOldFileStays) {
  const TempDir dir;
  write_file(dir / "x", "old");
  {
    AtomicFile file(dir / "x", ErrorKind::data);
    file.write("new");
  }
  EXPECT_EQ(read_file(dir / "x"), "old");
  AtomicFile file(dir / "x", ErrorKind::data);
  file.write("new");
  file.commit();
  EXPECT_EQ(read_file(dir / "x"), "new");
}

TEST(AtomicFile, MovedFromFileRemovesNothing) {
  const TempDir dir;
  AtomicFile first(dir / "x", ErrorKind::data);
  first.write("one");
  {
    AtomicFile second(std::move(first));
    second.write(" two");
    second.commit();
  }
  EXPECT_EQ(read_file(dir / "x"), "one two");
}

TEST(AtomicFile, MissingDirectoryNamesTheFinalPath) {
  const TempDir dir;
  const auto [kind, message] =
      error_of([&] { const AtomicFile file(dir / "absent" / "x", ErrorKind::checkpoint); });
  EXPECT_EQ(kind, ErrorKind::checkpoint);
  EXPECT_THAT(message, HasSubstr((dir / "absent" / "x").string() + " ("));
  EXPECT_THAT(message, HasSubstr("No such file"));
}

TEST(AtomicFile, CommitOverADirectoryLeavesNoTemporary) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "x");
  const auto [kind, message] = error_of([&] {
    AtomicFile file(dir / "x", ErrorKind::data);
    file.write("text");
    file.commit();
  });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_THAT(message, HasSubstr("cannot write"));
  EXPECT_EQ(entries(dir), 1);
}

/// Lets files grow to `bytes` only, as a disk with no more room would; restores at the end.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    old_handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old_);
    const rlimit limit{std::min(bytes, old_.rlim_max), old_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &old_);
    std::signal(SIGXFSZ, old_handler_);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit old_{};
  void (*old_handler_)(int) = nullptr;
};

// The same write(2) failure as on a full disk, without needing one.
TEST(AtomicFile, WriteThatDoesNotFitFailsAndLeavesNothing) {
  const TempDir dir;
  const auto [kind, message] = error_of([&] {
    const FileSizeLimit limit(100'000);
    AtomicFile file(dir / "big.bin", ErrorKind::data);
    const std::string block(64 * 1024, 'x');
    for (int i = 0; i < 4; ++i) file.write(block);
    file.commit();
  });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_THAT(message, HasSubstr((dir / "big.bin").string()));
  EXPECT_THAT(message, HasSubstr("File too large"));
  EXPECT_EQ(entries(dir), 0);
}

// What stdio has buffered is written by commit: that failure must not be lost either.
TEST(AtomicFile, CommitThatDoesNotFitFailsAndLeavesNothing) {
  const TempDir dir;
  const auto [kind, message] = error_of([&] {
    const FileSizeLimit limit(10);
    AtomicFile file(dir / "small.bin", ErrorKind::data);
    file.write("twenty bytes of text");
    file.commit();
  });
  EXPECT_EQ(kind, ErrorKind::data);
  EXPECT_THAT(message, HasSubstr("File too large"));
  EXPECT_EQ(entries(dir), 0);
}

}  // namespace
}  // namespace weft
