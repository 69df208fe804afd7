#include "weft/observe/event_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <string>

#include "support/event_reader.hpp"
#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"
#include "weft/observe/event_record.hpp"

namespace weft::observe {
namespace {

using testing::Event;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using testing::read_events;
using testing::TempDir;

/// A clock that stands still until it is moved.
struct Clock {
  double seconds = 1700000000.0;
  WallClock reader() {
    return [this] { return seconds; };
  }
};

/// For one scope no file of this process grows any more, as on a full disk.
class FullDisk {
 public:
  FullDisk() : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit none{.rlim_cur = 0, .rlim_max = before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &none);
  }
  ~FullDisk() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  void (*handler_)(int);
  rlimit before_{};
};

TEST(EventFile, BeginsWithItsVersionUnderTheNameThatTensorBoardLooksFor) {
  const TempDir dir;
  Clock clock;
  const EventFile file(dir / "runs" / "first", 10, clock.reader());
  EXPECT_EQ(file.path().parent_path(), dir / "runs" / "first");
  EXPECT_THAT(file.path().filename().string(),
              MatchesRegex("events\\.out\\.tfevents\\.1700000000\\..+\\.[0-9]+\\.0"));
  EXPECT_EQ(testing::read_file(file.path()), framed(version_event(1700000000.0)));
}

TEST(EventFile, HoldsEventsInTheirOrderWithTheTimeOfEach) {
  const TempDir dir;
  Clock clock;
  EventFile file(dir.path(), 10, clock.reader());
  file.add_scalar("lm loss", 0.1, 300);
  clock.seconds += 0.25;
  file.add_text("optimizer", "adam", 7);
  file.flush();
  EXPECT_EQ(testing::read_file(file.path()),
            framed(version_event(1700000000.0)) +
                framed(scalar_event(1700000000.0, 300, "lm loss", 0.1F)) +
                framed(text_event(1700000000.25, 7, "optimizer", "adam")));
  const std::vector<Event> events = read_events(file.path());
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(events[0].file_version, "brain.Event:2");
  EXPECT_EQ(events[1].tag, "lm loss");
  EXPECT_EQ(events[1].value, 0.1F);
  EXPECT_EQ(events[1].step, 300);
  EXPECT_EQ(events[2].tag, "optimizer/text_summary");
  EXPECT_EQ(events[2].text, "adam");
  EXPECT_EQ(events[2].wall_time, 1700000000.25);
}

TEST(EventFile, WritesAFullQueue) {
  const TempDir dir;
  EventFile file(dir.path(), 3);
  file.add_scalar("a", 1.0, 1);
  file.add_scalar("a", 2.0, 2);
  EXPECT_EQ(read_events(file.path()).size(), 1U);
  file.add_scalar("a", 3.0, 3);
  EXPECT_EQ(read_events(file.path()).size(), 4U);
  file.add_scalar("a", 4.0, 4);
  EXPECT_EQ(read_events(file.path()).size(), 4U);
  file.flush();
  EXPECT_EQ(read_events(file.path()).size(), 5U);
}

TEST(EventFile, WritesTwoMinutesAfterTheLastWrite) {
  const TempDir dir;
  Clock clock;
  EventFile file(dir.path(), 1000, clock.reader());
  clock.seconds += 119.0;
  file.add_scalar("a", 1.0, 1);
  EXPECT_EQ(read_events(file.path()).size(), 1U);
  clock.seconds += 1.0;
  file.add_scalar("a", 2.0, 2);
  EXPECT_EQ(read_events(file.path()).size(), 3U);
  clock.seconds += 119.0;
  file.add_scalar("a", 3.0, 3);
  EXPECT_EQ(read_events(file.path()).size(), 3U);
}

TEST(EventFile, WritesTheRestAtTheEnd) {
  const TempDir dir;
  std::filesystem::path path;
  {
    EventFile file(dir.path(), 1000);
    path = file.path();
    file.add_scalar("a", 1.0, 1);
  }
  EXPECT_EQ(read_events(path).size(), 2U);
}

TEST(EventFile, FilesOfTheSameSecondAreTwo) {
  const TempDir dir;
  Clock clock;
  const EventFile first(dir.path(), 1, clock.reader());
  const EventFile second(dir.path(), 1, clock.reader());
  EXPECT_TRUE(second.path().string().ends_with(".1")) << second.path();
  EXPECT_EQ(testing::event_files(dir.path()), (std::vector{first.path(), second.path()}));
}

TEST(EventFile, ReportsDirectoriesThatCannotBeMadeOrWritten) {
  const TempDir dir;
  testing::write_file(dir / "file", "");
  for (const std::filesystem::path& path :
       {dir / "file", dir / "file" / "inside", std::filesystem::path("/proc")}) {
    try {
      const EventFile file(path, 1);
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_THAT(error.what(), HasSubstr("--tensorboard-dir"));
      EXPECT_THAT(error.what(), HasSubstr(path.string()));
    }
  }
}

TEST(EventFile, ReportsAFullDisk) {
  const TempDir dir;
  EventFile file(dir.path(), 2);
  const FullDisk full;
  file.add_scalar("a", 1.0, 1);
  try {
    file.add_scalar("a", 2.0, 2);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_THAT(error.what(), HasSubstr("--tensorboard-dir"));
  }
}

}  // namespace
}  // namespace weft::observe
