#include "weft/schedule/validate.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "reference/schedule_check.hpp"
#include "schedule/random_schedule.hpp"
#include "weft/base/error.hpp"

namespace weft::schedule {
namespace {

using ::weft::reference::schedule_is_complete;
using ::weft::reference::ScheduleRun;
using ::weft::testing::random_schedule;

constexpr TaskKind kF = TaskKind::forward;
constexpr TaskKind kB = TaskKind::backward_input;
constexpr TaskKind kW = TaskKind::backward_weight;
constexpr TaskKind kD = TaskKind::backward;

/// "F0.1 D0.0" as tasks
Schedule order(const std::string& text) {
  Schedule tasks;
  for (size_t at = 0; at < text.size(); at += 5) {
    const TaskKind kind = text[at] == 'F' ? kF : text[at] == 'B' ? kB : text[at] == 'W' ? kW : kD;
    tasks.push_back({kind, text[at + 1] - '0', text[at + 3] - '0'});
  }
  return tasks;
}

PipelineSchedule loop(int64_t num_chunks, int64_t num_microbatches,
                      const std::vector<std::string>& ranks) {
  PipelineSchedule schedule{
      {Mapping::loop, static_cast<int64_t>(ranks.size()), num_chunks}, num_microbatches, {}};
  for (const std::string& rank : ranks) schedule.ranks.push_back(order(rank));
  return schedule;
}

PipelineSchedule wave(int64_t num_chunks, int64_t num_microbatches,
                      const std::vector<std::string>& ranks) {
  PipelineSchedule schedule = loop(num_chunks, num_microbatches, ranks);
  schedule.stages.mapping = Mapping::wave;
  return schedule;
}

std::string refusal(const PipelineSchedule& schedule, const ScheduleLimits& limits = {}) {
  try {
    validate(schedule, limits);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "";
}

/// 1F1B of two ranks and three microbatches
PipelineSchedule one_f_one_b() {
  return loop(1, 3, {"F0.0 F0.1 D0.0 F0.2 D0.1 D0.2", "F0.0 D0.0 F0.1 D0.1 F0.2 D0.2"});
}

TEST(Validate, AcceptsLoopsWavesAndMixedBackwards) {
  EXPECT_EQ(refusal(one_f_one_b()), "");
  EXPECT_EQ(refusal(wave(2, 1, {"F0.0 F1.0 B1.0 W1.0 D0.0", "F0.0 F1.0 D1.0 D0.0"})), "");
  EXPECT_EQ(refusal(loop(1, 3, {"F0.0 F0.1 F0.2 B0.0 W0.0 D0.1 B0.2 W0.2"})), "");
}

TEST(Validate, ShapeMustFitTheRanks) {
  PipelineSchedule schedule = one_f_one_b();
  schedule.ranks.pop_back();
  EXPECT_EQ(refusal(schedule), "the schedule has orders for 1 ranks, expected 2");
  EXPECT_EQ(refusal({}),
            "a schedule of 1 ranks, 1 chunks and 0 microbatches (expected at least 1 of each)");
  schedule = one_f_one_b();
  schedule.stages.num_chunks = int64_t{1} << 60;
  EXPECT_EQ(refusal(schedule), "rank 0: 6 tasks cannot fill 1152921504606846976 chunks");
}

TEST(Validate, TasksMustBeInRange) {
  EXPECT_EQ(refusal(loop(1, 1, {"F1.0 D1.0"})), "rank 0: F1.0 has chunk 1, expected 0 to 0");
  EXPECT_EQ(refusal(loop(1, 1, {"F0.0 D0.1"})), "rank 0: D0.1 has microbatch 1, expected 0 to 0");
  PipelineSchedule negative = loop(1, 1, {"F0.0 D0.0"});
  negative.ranks[0][0].chunk = -1;
  EXPECT_EQ(refusal(negative), "rank 0: F-1.0 has chunk -1, expected 0 to 0");
}

TEST(Validate, EveryTaskOnce) {
  const auto one = [](const std::string& text) { return refusal(loop(1, 2, {text})); };
  EXPECT_EQ(one("F0.0 D0.0"), "rank 0: F0.1 (stage 0) is missing");
  EXPECT_EQ(one("F0.0 F0.1 D0.0"),
            "rank 0: D0.1 (stage 0) (or B0.1 (stage 0) and W0.1 (stage 0)) is missing");
  EXPECT_EQ(one("F0.0 F0.1 B0.0 D0.1"), "rank 0: W0.0 (stage 0) is missing");
  EXPECT_EQ(one("F0.0 F0.1 D0.0 B0.1"), "rank 0: W0.1 (stage 0) is missing");
  EXPECT_EQ(one("F0.0 F0.1 D0.0 W0.1"), "rank 0: B0.1 (stage 0) is missing");
  EXPECT_EQ(one("F0.1 D0.1"), "rank 0: F0.0 (stage 0) is missing");
  EXPECT_EQ(one("F0.0 F0.0"), "rank 0: F0.0 (stage 0) comes twice");
  EXPECT_EQ(one("F0.0 D0.0 D0.0"), "rank 0: D0.0 (stage 0) comes twice");
  EXPECT_EQ(one("F0.0 B0.0 D0.0"), "rank 0: D0.0 (stage 0) repeats work of B0.0 (stage 0)");
  EXPECT_EQ(one("F0.0 D0.0 W0.0"), "rank 0: W0.0 (stage 0) repeats work of D0.0 (stage 0)");
  EXPECT_EQ(one("F0.0 D0.0 B0.0"), "rank 0: B0.0 (stage 0) repeats work of D0.0 (stage 0)");
}

TEST(Validate, MicrobatchesOfAKindInOrder) {
  const std::string reason = "; a stage runs its microbatches in ascending order";
  const auto one = [](const std::string& text) { return refusal(loop(1, 2, {text})); };
  EXPECT_EQ(one("F0.1 F0.0 D0.0 D0.1"),
            "rank 0: F0.1 (stage 0) comes before F0.0 (stage 0)" + reason);
  EXPECT_EQ(one("F0.0 F0.1 D0.1 D0.0"),
            "rank 0: D0.1 (stage 0) comes before D0.0 (stage 0)" + reason);
  EXPECT_EQ(one("F0.0 F0.1 B0.0 B0.1 W0.1 W0.0"),
            "rank 0: W0.1 (stage 0) comes before W0.0 (stage 0)" + reason);
  // D sums weight gradients, too.
  EXPECT_EQ(one("F0.0 F0.1 B0.0 D0.1 W0.0"),
            "rank 0: D0.1 (stage 0) comes before W0.0 (stage 0)" + reason);
  EXPECT_EQ(one("F0.0 F0.1 B0.1 D0.0 W0.1"),
            "rank 0: B0.1 (stage 0) comes before D0.0 (stage 0)" + reason);
}

TEST(Validate, TasksOfAMicrobatchInOrder) {
  const auto one = [](const std::string& text) { return refusal(loop(1, 1, {text})); };
  EXPECT_EQ(one("D0.0 F0.0"), "rank 0: D0.0 (stage 0) comes before F0.0 (stage 0)");
  EXPECT_EQ(one("B0.0 F0.0 W0.0"), "rank 0: B0.0 (stage 0) comes before F0.0 (stage 0)");
  EXPECT_EQ(one("F0.0 W0.0 B0.0"), "rank 0: W0.0 (stage 0) comes before B0.0 (stage 0)");
}

TEST(Validate, NamesACycleOfDependencies) {
  EXPECT_EQ(refusal(loop(1, 2, {"F0.0 D0.0 F0.1 D0.1", "F0.0 F0.1 D0.0 D0.1"})),
            "cycle: D0.0 (stage 0) on rank 0 waits for D0.0 (stage 1) on rank 1, which comes after "
            "F0.1 (stage 1), which waits for F0.1 (stage 0) on rank 0, which comes after D0.0 "
            "(stage 0)");
  // The neighbours at the turn of a wave share a rank.
  EXPECT_EQ(refusal(wave(2, 1, {"F0.0 F1.0 D1.0 D0.0", "F1.0 F0.0 D1.0 D0.0"})),
            "cycle: F1.0 (stage 2) on rank 1 waits for F0.0 (stage 1) on rank 1, which comes after "
            "F1.0 (stage 2)");
  // Rank 0 only waits for the cycle; what rank 1 waits for is the next task of rank 2.
  EXPECT_EQ(
      refusal(loop(2, 1, {"F0.0 F1.0 D1.0 D0.0", "F0.0 D0.0 F1.0 D1.0", "F0.0 F1.0 D1.0 D0.0"})),
      "cycle: D0.0 (stage 1) on rank 1 waits for D0.0 (stage 2) on rank 2, which comes after "
      "F1.0 (stage 5), which waits for F1.0 (stage 4) on rank 1, which comes after D0.0 "
      "(stage 1)");
}

TEST(Validate, LongCyclesAreCutShort) {
  // Every rank runs its second stage before its first.
  PipelineSchedule schedule = loop(2, 1, std::vector<std::string>(10, "F1.0 F0.0 D1.0 D0.0"));
  const std::string text = refusal(schedule);
  EXPECT_NE(text.find("cycle: F1.0 (stage 10) on rank 0 waits for F0.0 (stage 9) on rank 9"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(", and so on through 10 tasks back to F1.0 (stage 10)"), std::string::npos)
      << text;
  EXPECT_EQ(text.find("(stage 1) on rank 1"), std::string::npos) << text;
}

TEST(Validate, MemoryStaysWithinTheCap) {
  const PipelineSchedule schedule = one_f_one_b();
  EXPECT_EQ(peak_charge(schedule), (std::vector<int64_t>{2, 1}));
  EXPECT_EQ(peak_charge(schedule, {10, 7}), (std::vector<int64_t>{20, 7}));
  EXPECT_EQ(refusal(schedule, {.charges = {10, 7}, .caps = {20, 7}}), "");
  EXPECT_EQ(refusal(schedule, {.charges = {10, 7}, .caps = {20, 6}}),
            "rank 1: F0.0 (stage 1) brings the memory held to 7, over the cap of 6");
  EXPECT_EQ(refusal(schedule, {.caps = {1, 1}}),
            "rank 0: F0.1 (stage 0) brings the memory held to 2, over the cap of 1");
  // B frees nothing, W does; the charge is the stage's.
  const PipelineSchedule split = loop(2, 1, {"F0.0 F1.0 B1.0 B0.0 W1.0 W0.0"});
  EXPECT_EQ(peak_charge(split, {1, 5}), (std::vector<int64_t>{6}));
  const PipelineSchedule early = loop(1, 2, {"F0.0 B0.0 F0.1 W0.0 B0.1 W0.1"});
  EXPECT_EQ(peak_charge(early), (std::vector<int64_t>{2}));
}

TEST(Validate, SlotsLimitWhatIsOnTheWay) {
  // Rank 1 takes messages 1 to 3 of stage 0 only after stage 4 has answered message 0.
  const PipelineSchedule schedule =
      wave(3, 4,
           {"F0.0 F0.1 F0.2 F0.3 F1.0 F2.0 F1.1 F2.1 F1.2 F2.2 F1.3 F2.3 "
            "D2.0 D1.0 D2.1 D1.1 D2.2 D1.2 D2.3 D1.3 D0.0 D0.1 D0.2 D0.3",
            "F0.0 F1.0 F2.0 D2.0 F0.1 F1.1 F2.1 D2.1 F0.2 F1.2 F2.2 D2.2 F0.3 F1.3 F2.3 D2.3 "
            "D1.0 D0.0 D1.1 D0.1 D1.2 D0.2 D1.3 D0.3"});
  EXPECT_EQ(required_slots(schedule), 3);
  EXPECT_EQ(refusal(schedule), "");
  EXPECT_EQ(refusal(schedule, {.slots = 3}), "");
  EXPECT_EQ(refusal(schedule, {.slots = 2}),
            "cycle: F0.3 (stage 0) on rank 0 waits for the slot freed by F0.1 (stage 1) on rank 1, "
            "which comes after F2.0 (stage 5), which waits for F2.0 (stage 4) on rank 0, which "
            "comes after F0.3 (stage 0)");
  EXPECT_EQ(required_slots(one_f_one_b()), 2);
}

TEST(Validate, SlotsLimitGradientsToo) {
  // Rank 1 sends two gradients before it makes what rank 0 wants before it takes the first.
  const PipelineSchedule schedule =
      loop(2, 3,
           {"F0.0 F1.0 F0.1 F1.1 F0.2 F1.2 D1.0 D1.1 D1.2 D0.0 D0.1 D0.2",
            "F0.0 F1.0 F0.1 F1.1 D1.0 D1.1 F0.2 F1.2 D1.2 D0.0 D0.1 D0.2"});
  EXPECT_EQ(refusal(schedule, {.slots = 2}), "");
  EXPECT_EQ(refusal(schedule, {.slots = 1}),
            "cycle: F1.2 (stage 2) on rank 0 waits for F0.2 (stage 1) on rank 1, which comes after "
            "D1.1 (stage 3), which waits for the slot freed by D1.0 (stage 2) on rank 0, which "
            "comes after F1.2 (stage 2)");
}

TEST(Validate, RequiredSlotsNeedsAScheduleThatEnds) {
  EXPECT_THROW(required_slots(loop(1, 2, {"F0.0 D0.0 F0.1 D0.1", "F0.0 F0.1 D0.0 D0.1"})), Error);
}

TEST(Validate, AgreesWithAPlainCheckOnRandomSchedules) {
  std::mt19937_64 random(20250101);
  int64_t refused = 0;
  int64_t cycles = 0;
  for (int round = 0; round < 3000; ++round) {
    PipelineSchedule schedule = random_schedule(random);
    EXPECT_EQ(refusal(schedule), "");
    for (uint64_t swaps = random() % 4; swaps > 0; --swaps) {
      Schedule& tasks = schedule.ranks[random() % schedule.ranks.size()];
      std::swap(tasks[random() % tasks.size()], tasks[random() % tasks.size()]);
    }
    const auto slots = static_cast<int64_t>(random() % 4);
    const std::string fault = refusal(schedule, {.slots = slots});
    ASSERT_EQ(fault.empty(), schedule_is_complete(schedule) && ScheduleRun(schedule, slots).ends())
        << fault;
    refused += fault.empty() ? 0 : 1;
    cycles += fault.starts_with("cycle") ? 1 : 0;
  }
  EXPECT_GT(refused, 500);
  EXPECT_GT(cycles, 100);
  EXPECT_LT(refused, 2500);
}

TEST(Validate, RequiredSlotsIsTheLeastThatRuns) {
  std::mt19937_64 random(7);
  int64_t most = 0;
  for (int round = 0; round < 1000; ++round) {
    const PipelineSchedule schedule = random_schedule(random);
    const int64_t slots = required_slots(schedule);
    ASSERT_TRUE(ScheduleRun(schedule, slots).ends());
    ASSERT_TRUE(slots == 2 || !ScheduleRun(schedule, slots - 1).ends());
    most = std::max(most, slots);
  }
  EXPECT_GT(most, 2);
}

}  // namespace
}  // namespace weft::schedule
