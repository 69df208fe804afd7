#include "weft/schedule/commit_log_csv.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "support/example_logs.hpp"
#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"

namespace weft::schedule {
namespace {

using testing::breadth_first;
using ::testing::HasSubstr;
using testing::one_f_one_b;
using testing::split_wave;
using ::testing::StartsWith;

const std::string kTwoRanks =
    "# weft commit log 1: mapping=loop ranks=2 chunks=1 microbatches=1 unit=units\n"
    "rank,seq,kind,chunk,microbatch,stage,arrived,start,end\n"
    "0,0,F,0,0,0,0,0,1\n"
    "0,1,D,0,0,0,4.25,4.25,6.25\n"
    "1,0,F,0,0,1,1.25,1.25,2.25\n"
    "1,1,D,0,0,1,2.25,2.25,4.25\n";

/// `text` with the first `from` replaced by `to`.
std::string with(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

/// The message of the Error{data} that reading `text` throws.
std::string refusal(const std::string& text) {
  try {
    parse_commit_log(text, "log.csv");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "no error";
}

TEST(CommitLogCsv, WritesOneLinePerTask) {
  CommitLog log = one_f_one_b(2, 1);
  log.ranks[0][1] = {log.ranks[0][1].task, 4.25, 4.25, 6.25};
  log.ranks[1][0] = {log.ranks[1][0].task, 1.25, 1.25, 2.25};
  log.ranks[1][1] = {log.ranks[1][1].task, 2.25, 2.25, 4.25};
  EXPECT_EQ(to_csv(log), kTwoRanks);
}

TEST(CommitLogCsv, ReadsBackToTheSameBits) {
  std::vector<CommitLog> logs{one_f_one_b(3, 4, {0.1, 0.2, 1.0 / 3, 1e-3}), split_wave(4, 3),
                              breadth_first(2, 5, 7)};
  logs[0].time_unit = "us";
  logs[1].ranks[0][0].arrived = -std::numeric_limits<double>::denorm_min();
  logs[2].ranks[1].back().end = std::numeric_limits<double>::max();
  for (const CommitLog& log : logs) {
    const std::string csv = to_csv(log);
    const CommitLog back = parse_commit_log(csv, "log.csv");
    EXPECT_EQ(back, log);
    EXPECT_EQ(to_csv(back), csv);
  }
}

TEST(CommitLogCsv, ReadsFilesAndNamesThemInFaults) {
  const weft::testing::TempDir dir;
  const CommitLog log = split_wave(2, 2);
  EXPECT_EQ(read_commit_log(weft::testing::write_file(dir / "step.csv", to_csv(log))), log);
  for (const auto& [name, text] : std::vector<std::pair<std::string, std::string>>{
           {"empty.csv", ""}, {"other.csv", "a,b\n"}}) {
    try {
      read_commit_log(weft::testing::write_file(dir / name, text));
      FAIL() << name;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), StartsWith((dir / name).string() + ":1: got "));
    }
  }
  EXPECT_THROW(read_commit_log(dir / "none.csv"), Error);
}

TEST(CommitLogCsv, AcceptsCrlfAndALastLineWithoutEnd) {
  const CommitLog log = parse_commit_log(kTwoRanks, "log.csv");
  std::string crlf;
  for (const char c : kTwoRanks) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
  EXPECT_EQ(parse_commit_log(crlf, "log.csv"), log);
  EXPECT_EQ(parse_commit_log(kTwoRanks.substr(0, kTwoRanks.size() - 1), "log.csv"), log);
}

TEST(CommitLogCsv, RefusesForeignHeaders) {
  EXPECT_EQ(refusal(""),
            "log.csv:1: got \"\", expected \"# weft commit log 1: \" and mapping=, ranks=, "
            "chunks=, microbatches= and unit=");
  EXPECT_THAT(refusal("\xEF\xBB\xBF" + kTwoRanks), StartsWith("log.csv:1: got \"???# weft"));
  EXPECT_THAT(refusal("\x1b[31m" + std::string(1000, 'x')),
              StartsWith("log.csv:1: got \"?[31m" + std::string(55, 'x') + "\"..., expected"));
  EXPECT_EQ(refusal(with(kTwoRanks, "log 1:", "log 2:")),
            "log.csv:1: got version \"2\", expected \"1\"");
  EXPECT_EQ(refusal(with(kTwoRanks, "log 1: ", "log 1:")),
            "log.csv:1: got \":mapping=loop ranks=2 chunks=1 microbatches=1 unit=units\", expected "
            "\": mapping=, ranks=, chunks=, microbatches= and unit=\"");
  EXPECT_EQ(refusal(with(kTwoRanks, "mapping=loop", "mapping=ring")),
            "log.csv:1: got mapping \"ring\", expected loop or wave");
  EXPECT_EQ(refusal(with(kTwoRanks, "chunks=1", "vpp=1")),
            "log.csv:1: got \"vpp=1\", expected chunks= (of mapping=, ranks=, chunks=, "
            "microbatches= and unit=)");
  EXPECT_THAT(refusal(with(kTwoRanks, " microbatches=1 unit=units", "")),
              StartsWith("log.csv:1: got \"\", expected microbatches="));
  EXPECT_EQ(refusal(with(kTwoRanks, "unit=units", "unit=ms")),
            "log.csv:1: got unit \"ms\", expected units or us");
  EXPECT_EQ(refusal(with(kTwoRanks, "unit=units", "unit=units seed=1")),
            "log.csv:1: got \"seed=1\", expected the end of the line after the unit");
  EXPECT_EQ(refusal(with(kTwoRanks, "start,end", "begin,end")),
            "log.csv:2: got \"rank,seq,kind,chunk,microbatch,stage,arrived,begin,end\", expected "
            "\"rank,seq,kind,chunk,microbatch,stage,arrived,start,end\"");
}

TEST(CommitLogCsv, RefusesCountsBeforeTakingMemoryForThem) {
  EXPECT_EQ(refusal(with(kTwoRanks, "ranks=2", "ranks=0")),
            "log.csv:1: got ranks=0, expected at least 1");
  EXPECT_EQ(refusal(with(kTwoRanks, "chunks=1", "chunks=-3")),
            "log.csv:1: got chunks=-3, expected at least 1");
  EXPECT_EQ(refusal(with(kTwoRanks, "microbatches=1", "microbatches=99999999999999999999")),
            "log.csv:1: got microbatches \"99999999999999999999\", expected an integer");
  EXPECT_EQ(refusal(with(kTwoRanks, "ranks=2", "ranks=1000000000000")),
            "log.csv:1: got 1000000000000 ranks with 1 chunks and 1 microbatches, expected counts "
            "whose tasks fit the 5 lines below");
  // The product of these counts is 0 in 64 bits.
  const std::string wrapped = with(with(kTwoRanks, "ranks=2", "ranks=4294967296"), "microbatches=1",
                                   "microbatches=4294967296");
  EXPECT_THAT(refusal(wrapped), HasSubstr("whose tasks fit the 5 lines below"));
}

TEST(CommitLogCsv, RefusesBrokenLines) {
  const auto third = [](const std::string& line) {
    return refusal(with(kTwoRanks, "0,0,F,0,0,0,0,0,1", line));
  };
  EXPECT_EQ(third("0,0,F,0,0,0,0,0"),
            "log.csv:3: got 8 columns in \"0,0,F,0,0,0,0,0\", expected 9 "
            "(rank,seq,kind,chunk,microbatch,stage,arrived,start,end)");
  EXPECT_THAT(third("0,0,F,0,0,0,0,0,1,"), StartsWith("log.csv:3: got 10 columns in "));
  EXPECT_EQ(third(""),
            "log.csv:3: got an empty line, expected "
            "rank,seq,kind,chunk,microbatch,stage,arrived,start,end");
  EXPECT_EQ(third("x,0,F,0,0,0,0,0,1"), "log.csv:3: got rank \"x\", expected an integer");
  EXPECT_EQ(third("0,0.0,F,0,0,0,0,0,1"), "log.csv:3: got seq \"0.0\", expected an integer");
  EXPECT_EQ(third("0,0,I,0,0,0,0,0,1"), "log.csv:3: got kind \"I\", expected F, B, W or D");
  EXPECT_EQ(third("0,0,,0,0,0,0,0,1"), "log.csv:3: got kind \"\", expected F, B, W or D");
  EXPECT_EQ(third("0,0,F,1,0,0,0,0,1"), "log.csv:3: got chunk 1, expected 0 to 0");
  EXPECT_EQ(third("0,0,F,0,-1,0,0,0,1"), "log.csv:3: got microbatch -1, expected 0 to 0");
  EXPECT_EQ(third("0,0,F,0,0,1,0,0,1"),
            "log.csv:3: got stage 1, expected 0, which is chunk 0 of rank 0 in a loop");
  EXPECT_EQ(third("0,0,F,0,0,0,,0,1"), "log.csv:3: got arrived \"\", expected a finite number");
  EXPECT_EQ(third("0,0,F,0,0,0,0, 0,1"), "log.csv:3: got start \" 0\", expected a finite number");
  EXPECT_EQ(third("0,0,F,0,0,0,0,0,1s"), "log.csv:3: got end \"1s\", expected a finite number");
  for (const std::string number : {"nan", "inf", "-inf", "1e999", "0x1p3"}) {
    EXPECT_EQ(third("0,0,F,0,0,0,0,0," + number),
              "log.csv:3: got end \"" + number + "\", expected a finite number");
  }
}

TEST(CommitLogCsv, RefusesTimesThatRunBackwards) {
  EXPECT_EQ(refusal(with(kTwoRanks, "0,0,1\n", "0,-0.5,1\n")),
            "log.csv:3: got start -0.5, expected at least 0, the start of the step");
  EXPECT_EQ(refusal(with(kTwoRanks, "4.25,6.25", "4.25,4")),
            "log.csv:4: got end 4, expected at least 4.25, the start");
  EXPECT_EQ(refusal(with(kTwoRanks, "2.25,4.25\n", "2,4.25\n")),
            "log.csv:6: got start 2, expected at least 2.25, the end of the task before");
  // The sums of a simulation differ in the last bits.
  EXPECT_NO_THROW(
      parse_commit_log(with(kTwoRanks, "2.25,4.25\n", "2.2499999999999996,4.25\n"), "log.csv"));
  EXPECT_NO_THROW(parse_commit_log(with(kTwoRanks, "0,0,1\n", "0,0,0\n"), "log.csv"));
}

TEST(CommitLogCsv, RefusesRanksAndTasksOutOfOrder) {
  EXPECT_EQ(refusal(with(kTwoRanks, "\n0,0,F", "\n1,0,F")),
            "log.csv:3: got rank 1 seq 0, expected rank 0 seq 0");
  EXPECT_EQ(refusal(with(kTwoRanks, "0,1,D", "0,2,D")),
            "log.csv:4: got rank 0 seq 2, expected rank 0 seq 1 or rank 1 seq 0");
  EXPECT_EQ(refusal(with(kTwoRanks, "1,1,D", "2,0,D")),
            "log.csv:6: got rank 2 seq 0, expected rank 1 seq 1");
  EXPECT_EQ(refusal(with(kTwoRanks, "1,1,D", "0,2,D")),
            "log.csv:6: got rank 0 seq 2, expected rank 1 seq 1");
  EXPECT_EQ(refusal(with(kTwoRanks, "1,1,D", "-1,1,D")),
            "log.csv:6: got rank -1 seq 1, expected rank 1 seq 1");
}

TEST(CommitLogCsv, RefusesMissingRepeatedAndMixedTasks) {
  EXPECT_EQ(refusal(with(kTwoRanks, "1,1,D,0,0,1", "1,1,F,0,0,1")),
            "log.csv:6: got F0.0 a second time, expected every task once");
  EXPECT_EQ(refusal(with(kTwoRanks, "1,1,D,0,0,1,2.25,2.25,4.25\n", "")),
            "log.csv:5: got the end of the log, expected D (or B and W) of chunk 0, microbatch 0 "
            "on rank 1");
  EXPECT_EQ(refusal(with(kTwoRanks, "1,1,D", "1,1,B")),
            "log.csv:6: got the end of the log, expected W of chunk 0, microbatch 0 on rank 1");
  EXPECT_EQ(refusal(with(kTwoRanks, "1,1,D", "1,1,W")),
            "log.csv:6: got the end of the log, expected B of chunk 0, microbatch 0 on rank 1");
  EXPECT_EQ(refusal(with(kTwoRanks, "1,0,F,0,0,1,1.25,1.25,2.25\n1,1,D", "1,0,D")),
            "log.csv:5: got the end of the log, expected F of chunk 0, microbatch 0 on rank 1");
  EXPECT_EQ(refusal(kTwoRanks + "1,2,W,0,0,1,5,5,6\n"),
            "log.csv:7: got W0.0 after D of the same microbatch, expected either D, or B and W");
  EXPECT_EQ(refusal(with(kTwoRanks, "1,1,D", "1,1,B") + "1,2,D,0,0,1,5,5,6\n"),
            "log.csv:7: got D0.0 after B or W of the same microbatch, expected either D, or B and "
            "W");
}

TEST(CommitLogCsv, NoCutOfALogIsRead) {
  const std::string csv = to_csv(split_wave(2, 2));
  // A cut inside the very last number is all that can look whole.
  for (size_t length = 0; length <= csv.rfind(',') + 1; ++length) {
    EXPECT_THROW(parse_commit_log(csv.substr(0, length), "log.csv"), Error) << length;
  }
}

}  // namespace
}  // namespace weft::schedule
