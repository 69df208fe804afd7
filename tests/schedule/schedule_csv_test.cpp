#include "weft/schedule/schedule_csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <string>

#include "schedule/random_schedule.hpp"
#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"
#include "weft/schedule/validate.hpp"

namespace weft::schedule {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;
using ::weft::testing::random_schedule;
using ::weft::testing::TempDir;
using ::weft::testing::write_file;

constexpr TaskKind kF = TaskKind::forward;
constexpr TaskKind kB = TaskKind::backward_input;
constexpr TaskKind kW = TaskKind::backward_weight;
constexpr TaskKind kD = TaskKind::backward;

PipelineSchedule parse(std::string_view text) { return parse_schedule_csv(text, "plan.csv"); }

/// "KIND message" of the error that `text` is refused with, where KIND is the exit code.
std::string refusal(std::string_view text) {
  try {
    parse(text);
  } catch (const Error& error) {
    return fmt::format("{} {}", exit_code(error.kind()), error.what());
  }
  return "";
}

/// 1F1B of two ranks and three microbatches
const PipelineSchedule kLoop{
    {Mapping::loop, 2, 1},
    3,
    {{{kF, 0, 0}, {kF, 0, 1}, {kD, 0, 0}, {kF, 0, 2}, {kD, 0, 1}, {kD, 0, 2}},
     {{kF, 0, 0}, {kD, 0, 0}, {kF, 0, 1}, {kD, 0, 1}, {kF, 0, 2}, {kD, 0, 2}}}};
const std::string kLoopText = "0F0,0F1,,0B0,0F2,0B1,,0B2\n,1F0,1B0,1F1,1B1,1F2,1B2\n";

/// One microbatch down and up the V of two ranks, rank 0 with split backwards
const PipelineSchedule kWave{
    {Mapping::wave, 2, 2},
    1,
    {{{kF, 0, 0}, {kF, 1, 0}, {kB, 1, 0}, {kW, 1, 0}, {kB, 0, 0}, {kW, 0, 0}},
     {{kF, 0, 0}, {kF, 1, 0}, {kD, 1, 0}, {kD, 0, 0}}}};
const std::string kWaveText = "0F0,,,3F0,3I0,3W0,,0I0,0W0\n,1F0,2F0,,,2B0,1B0\n";

TEST(ScheduleCsv, OverlappedPairsAreTwoTasks) {
  EXPECT_EQ(parse("0F0,(0F1;0B0)OVERLAP_F_B,0B1\n"), parse("0F0,0F1,0B0,0B1\n"));
  EXPECT_EQ(parse("0F0, ( 0F1 ; 0B0 )OVERLAP_F_B ,0B1\n"), parse("0F0,0F1,0B0,0B1\n"));
  EXPECT_EQ(
      refusal("0F0\n(1F0)OVERLAP_F_B\n"),
      "3 plan.csv: line 2: cannot read \"\" (expected stage, kind and microbatch, such as 0F0)");
  EXPECT_THAT(refusal("(0F0;0B0;0F1)OVERLAP_F_B\n"), HasSubstr("line 1: cannot read \"0B0;0F1\""));
  EXPECT_THAT(refusal("(0F0;0B0)OVERLAP\n"), HasSubstr("cannot read \"(0F0;0B0)OVERLAP\""));
  EXPECT_THAT(refusal("(0F0;0SEND_F0)OVERLAP_F_B\n"), HasSubstr("no compute action"));
}

TEST(ScheduleCsv, WritesAStepPerColumn) {
  EXPECT_EQ(to_csv(kLoop), kLoopText);
  EXPECT_EQ(to_csv(kWave), kWaveText);
}

TEST(ScheduleCsv, RoundTripsLoopAndWave) {
  EXPECT_EQ(parse(kLoopText), kLoop);
  EXPECT_EQ(parse(kWaveText), kWave);
}

TEST(ScheduleCsv, WritesOnlySchedulesThatEnd) {
  PipelineSchedule schedule = kLoop;
  std::swap(schedule.ranks[1][0], schedule.ranks[1][1]);
  EXPECT_THROW(to_csv(schedule), Error);
}

TEST(ScheduleCsv, EmptyCellsMayStandAnywhere) {
  EXPECT_EQ(parse("0F0,0F1,0B0,0F2,0B1,0B2\n1F0,1B0,1F1,1B1,1F2,1B2"), kLoop);
  EXPECT_EQ(parse(",,0F0, 0F1,0B0 ,0F2,\t0B1,0B2,,,\n1F0,1B0,  ,1F1,1B1,1F2,1B2,\n\n \n"), kLoop);
}

TEST(ScheduleCsv, LineEndsAndByteOrderMark) {
  EXPECT_EQ(parse("\xef\xbb\xbf"
                  "0F0,0F1,0B0,0F2,0B1,0B2\r\n1F0,1B0,1F1,1B1,1F2,1B2,\r\n"),
            kLoop);
  EXPECT_EQ(refusal("\xff\xfe"
                    "0"),
            "3 plan.csv is UTF-16 text, expected ASCII or UTF-8");
}

TEST(ScheduleCsv, PrefersLoopWhereBothFit) {
  EXPECT_EQ(parse("0F0,1F0,1B0,0B0\n").stages, (StageMap{Mapping::loop, 1, 2}));
  EXPECT_EQ(parse("0F0,0B0\n1F0,1B0\n").stages, (StageMap{Mapping::loop, 2, 1}));
}

TEST(ScheduleCsv, ReadsFiles) {
  const TempDir dir;
  EXPECT_EQ(read_schedule_csv(write_file(dir / "plan.csv", kWaveText)), kWave);
  const auto message = [](const std::filesystem::path& path) {
    try {
      read_schedule_csv(path);
    } catch (const Error& error) {
      return fmt::format("{} {}", exit_code(error.kind()), error.what());
    }
    return std::string();
  };
  const auto none = dir / "none.csv";
  EXPECT_EQ(message(none),
            fmt::format("3 cannot open {} (No such file or directory)", none.string()));
  const auto empty = write_file(dir / "empty.csv", "");
  EXPECT_EQ(message(empty),
            fmt::format("3 {} is empty, expected a line of tasks per rank", empty.string()));
  EXPECT_EQ(message(dir.path()), fmt::format("3 {} is not a regular file", dir.path().string()));
}

TEST(ScheduleCsv, TextWithoutTasks) {
  EXPECT_EQ(refusal(""), "3 plan.csv is empty, expected a line of tasks per rank");
  EXPECT_EQ(refusal(" \r\n\n\t\n"), "3 plan.csv is empty, expected a line of tasks per rank");
  EXPECT_EQ(refusal("\xef\xbb\xbf\n"), "3 plan.csv is empty, expected a line of tasks per rank");
  EXPECT_EQ(refusal(",,,\n"), "2 plan.csv: line 1 has no tasks");
  EXPECT_EQ(refusal("0F0,0B0\n\n1F0,1B0\n"), "2 plan.csv: line 2 has no tasks");
}

TEST(ScheduleCsv, UnreadableCellsByLine) {
  EXPECT_EQ(refusal("0F0,0B0\n1F0,hello\n"),
            "3 plan.csv: line 2: cannot read \"hello\" (expected stage, kind and microbatch, such "
            "as 0F0)");
  EXPECT_EQ(refusal("0F0,,0B0\n1F0;1B0\n"),
            "3 plan.csv: line 2: cannot read \"1F0;1B0\" (expected stage, kind and microbatch, "
            "such as 0F0)");
  EXPECT_EQ(refusal("0F0,0SEND_F0,0B0\n"),
            "3 plan.csv: line 1: \"0SEND_F0\" is no compute action; only compute-only files are "
            "read");
}

TEST(ScheduleCsv, NumbersBeyondTheTasksOfTheFile) {
  EXPECT_EQ(refusal("2147483647F0,0B0"),
            "2 plan.csv: line 1 has stage 2147483647, more stages than the 2 tasks of the file");
  EXPECT_EQ(refusal("0F2147483647"), "2 plan.csv: line 1: 0F0 is missing");
  EXPECT_EQ(refusal("0F0,0B0,0F1000000000,0B1000000000"), "2 plan.csv: line 1: 0F1 is missing");
}

TEST(ScheduleCsv, MissingAndRepeatedTasks) {
  EXPECT_EQ(refusal("0F0,0F1,0B0,0B1\n1F0,1B0,1F1"),
            "2 plan.csv: line 2: 1B1 (or 1I1 and 1W1) is missing");
  EXPECT_EQ(refusal("0F0,0I0\n1F0,1B0"), "2 plan.csv: line 1: 0W0 is missing");
  EXPECT_EQ(refusal("0F0,0B0\n1F0,1B0,1B0"), "2 plan.csv: line 2: 1B0 comes twice");
  EXPECT_EQ(refusal("0F0,0I0,0B0"), "2 plan.csv: line 1: 0B0 repeats work of 0I0");
  EXPECT_EQ(refusal("0F0,0F1,0B1,0B0"),
            "2 plan.csv: line 1: 0B1 comes before 0B0; a stage runs its microbatches in ascending "
            "order");
}

TEST(ScheduleCsv, StagesThatFitNoMapping) {
  EXPECT_EQ(refusal("0F0,0B0\n0F1,0B1"),
            "2 plan.csv: line 2 has tasks of stage 0, which is on line 1 already");
  EXPECT_EQ(refusal("0F0,0B0,1F0,1B0\n2F0,2B0"),
            "2 plan.csv: line 2 has tasks of 1 stages, expected 2 as on line 1");
  EXPECT_EQ(refusal("0F0,0B0\n2F0,2B0"),
            "2 plan.csv: line 2 has stage 2, expected stages 0 to 1 (2 lines with 1 each)");
  EXPECT_EQ(refusal("1F0,1B0\n0F0,0B0"),
            "2 plan.csv: the stages fit neither mapping: loop has stage 0 on line 1, not 2; wave "
            "has stage 0 on line 1, not 2");
  EXPECT_EQ(refusal("0F0,1F0,0B0,1B0\n2F0,3F0,2B0,3B0"),
            "2 plan.csv: the stages fit neither mapping: loop has stage 1 on line 2, not 1; wave "
            "has stage 1 on line 2, not 1");
}

TEST(ScheduleCsv, CyclesAcrossLines) {
  EXPECT_EQ(
      refusal("0F0,0B0,0F1,0B1\n1F0,1F1,1B0,1B1"),
      "2 plan.csv: cycle: 0B0 on line 1 waits for 1B0 on line 2, which comes after 1F1, which "
      "waits for 0F1 on line 1, which comes after 0B0");
}

TEST(ScheduleCsv, MoreLinesThanRanks) {
  std::string text;
  for (int line = 0; line < 70000; ++line) text += "0F0\n";
  EXPECT_EQ(refusal(text), "3 plan.csv: more than 65536 lines, expected one per rank");
}

TEST(ScheduleCsv, RandomSchedulesRoundTrip) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 1000; ++round) {
    const PipelineSchedule schedule = random_schedule(random);
    ASSERT_EQ(parse(to_csv(schedule)), schedule);
  }
}

/// Damages `text` in one place, with an eye to what the reader looks at.
void mutate(std::string& text, std::mt19937_64& random) {
  static const std::vector<std::string> pieces{"",           ",",
                                               "\n",         "\r\n",
                                               " ",          "0",
                                               "1",          "F",
                                               "B",          "I",
                                               "W",          "-",
                                               "\"",         "(",
                                               "0F0",        "1B1,",
                                               "9F9",        "UNSHARD",
                                               "4000000000", "SEND_F0",
                                               "2147483647", "\xef\xbb\xbf",
                                               "\xff",       ";"};
  const size_t at = random() % (text.size() + 1);
  const size_t length = std::min<size_t>(random() % 6, text.size() - at);
  switch (random() % 5) {
    case 0:
      text.erase(at, length);
      break;
    case 1:
      text.insert(at, pieces[random() % pieces.size()]);
      break;
    case 2:
      text.replace(at, length, pieces[random() % pieces.size()]);
      break;
    case 3:
      if (at < text.size()) text[at] = static_cast<char>(random());
      break;
    default:
      text.insert(random() % (text.size() + 1), text.substr(at, length));
  }
}

/// Whether `text` is a schedule; otherwise it has to be refused in the promised way.
bool reads_or_refuses(const std::string& text) {
  PipelineSchedule schedule;
  try {
    schedule = parse(text);
  } catch (const Error& error) {
    EXPECT_TRUE(error.kind() == ErrorKind::data || error.kind() == ErrorKind::usage) << text;
    EXPECT_THAT(error.what(), StartsWith("plan.csv")) << text;
    EXPECT_LT(std::string_view(error.what()).size(), 2000U) << text;
    return false;
  }
  EXPECT_NO_THROW(validate(schedule)) << text;
  EXPECT_EQ(parse(to_csv(schedule)), schedule) << text;
  return true;
}

TEST(ScheduleCsvSlow, DamagedTextIsReadOrRefused) {
  std::mt19937_64 random(4);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(50);
  int64_t num_read = 0;
  int64_t num_refused = 0;
  for (int64_t round = 0; round < 2'000'000 && std::chrono::steady_clock::now() < end; ++round) {
    std::string text = to_csv(random_schedule(random));
    for (uint64_t damage = random() % 4 + 1; damage > 0; --damage) mutate(text, random);
    ++(reads_or_refuses(text) ? num_read : num_refused);
    if (HasFailure()) return;
  }
  EXPECT_GT(num_read, 100);
  EXPECT_GT(num_refused, 100);
}

}  // namespace
}  // namespace weft::schedule
