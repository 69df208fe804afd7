#include "weft/comm/hang_report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <thread>

#include "weft/base/error.hpp"
#include "weft/comm/endpoint.hpp"
#include "weft/comm/thread_world.hpp"

namespace weft::comm {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

RankReport waiting(int rank, int owner, const std::string& what) {
  return {.rank = rank, .debts = {{owner, what, 2.5}}};
}

TEST(HangReport, BlamesTheRankThatWaitsForNobody) {
  const std::string text =
      hang_report({waiting(0, 1, "barrier #3 of group world"), waiting(1, 2, "x"), RankReport{2}});
  EXPECT_THAT(text, StartsWith("no progress for 2.5 s: rank 2 owes rank 1 x, and is computing\n"));
  EXPECT_THAT(text, HasSubstr("\n    2.5 s for rank 1: barrier #3 of group world"));
}

TEST(HangReport, NotesThatAreTakenBackRunNoMore) {
  RecordingLogger logger;
  ThreadWorld world(logger, 1);
  world.run(1, [](RankContext& rank) {
    std::latch began(1);
    std::atomic<bool> runs = false;
    rank.endpoint->set_notes([&] {
      runs = true;
      began.count_down();
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      runs = false;
      return std::vector<std::string>{"a note"};
    });
    std::jthread reporter([&] { EXPECT_EQ(rank.endpoint->report().notes.size(), 1U); });
    began.wait();
    rank.endpoint->set_notes({});
    EXPECT_FALSE(runs);
  });
}

TEST(HangReport, BlamesTheRankThatDoesNotAnswer) {
  EXPECT_THAT(hang_report({waiting(0, 1, "x"), std::nullopt}),
              StartsWith("no progress for 2.5 s: rank 1 owes rank 0 x, and does not answer: it is "
                         "stopped, dead or unreachable\n"));
}

TEST(HangReport, SaysWhenRanksWaitForEachOther) {
  EXPECT_THAT(hang_report({waiting(0, 1, "x"), waiting(1, 0, "y")}),
              StartsWith("no progress for 2.5 s: rank 1 owes rank 0 x, and waits itself\n"));
}

TEST(HangReport, BlamesTheRankThatHasBeenThroughTheOperation) {
  RankReport passed = waiting(1, 0, "barrier #4");
  passed.recent = {"0.1 s ago: barrier #3, took 1 ms", "0.1 s ago: barrier #4, under way"};
  EXPECT_THAT(hang_report({waiting(0, 1, "barrier #3"), passed}),
              StartsWith("no progress for 2.5 s: rank 1 owes rank 0 barrier #3, which it has begun "
                         "and does not wait for: a message is lost\n"));
}

TEST(HangReport, CarriesNotesUnmatchedAndRecent) {
  RankReport report = waiting(0, 0, "x");
  report.notes = {"task F 0 3"};
  report.unmatched = {"barrier #1"};
  report.recent = {"0.1 s ago: y"};
  const std::string text = hang_report({report});
  EXPECT_THAT(text, HasSubstr("\n    task F 0 3\n"));
  EXPECT_THAT(text, HasSubstr("has a message that it did not ask for: barrier #1\n"));
  EXPECT_THAT(text, HasSubstr("last communications of rank 0, oldest first\n    0.1 s ago: y"));
}

TEST(RankReport, SurvivesTheWayBetweenProcesses) {
  RankReport report = waiting(3, 1, "\"quoted\"\n");
  report.ended = true;
  report.notes = {"a", ""};
  EXPECT_EQ(rank_report_from_json(to_json(report)), report);
  EXPECT_THROW(rank_report_from_json("{}"), Error);
}

}  // namespace
}  // namespace weft::comm
