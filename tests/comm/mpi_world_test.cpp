// Worlds of processes: the same bits as threads, and how they end when something goes wrong.
#include "weft/comm/mpi_world.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <thread>

#include "comm/mpi_launcher.hpp"

namespace weft::comm {
namespace {

using ::testing::ContainsRegex;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_processes;
using testing::run_threads;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Every process that reported has left between `earliest` and `latest` seconds after it began, and
/// the launcher ended soon after the first of them. Call it right after the run.
void expect_times(const weft::testing::CommandResult& result, double earliest, double latest) {
  const double now =
      std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
  const auto all = testing::rank_times(result);
  ASSERT_FALSE(all.empty()) << result.err;
  double first_left = now;
  for (const testing::RankTimes& one : all) {
    EXPECT_GE(one.left - one.began, earliest) << "rank " << one.rank;
    EXPECT_LT(one.left - one.began, latest) << "rank " << one.rank;
    first_left = std::min(first_left, one.left);
  }
  EXPECT_LT(now - first_left, 10.0) << "the launcher took too long";
}

TEST(MpiWorld, TwoProcessesGiveTheBitsOfTwoThreads) {
  WEFT_NEEDS_MPIRUN();
  const auto processes = run_processes(2, "conformance");
  ASSERT_EQ(processes.exit_code, 0) << processes.err;
  const auto threads = run_threads(2, "conformance");
  ASSERT_EQ(threads.exit_code, 0) << threads.err;
  EXPECT_EQ(processes.out, threads.out);
  EXPECT_EQ(processes.out.size(), 17U);
}

TEST(MpiWorld, AWrongSizeEndsAllRanksWithOneErrorAndExit6) {
  WEFT_NEEDS_MPIRUN();
  const auto result = run_processes(2, "wrong-size --timeout 20");
  expect_times(result, 0.0, 2.0);
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("rank 0 calls all_reduce #1 of group world (sum, f32 [17])"));
  EXPECT_THAT(result.err, HasSubstr("rank 1 calls all_reduce #1 of group world (sum, f32 [18])"));
}

TEST(MpiWorld, NeighboursReadEachOthersLinkBuffersUnlessToldNotTo) {
  WEFT_NEEDS_MPIRUN();
  EXPECT_EQ(run_processes(2, "link-memory").out, "shared\n");
  EXPECT_EQ(run_processes(2, "link-memory --no-shared-memory").out, "own\n");
}

struct Transport {
  const char* name;
  const char* launcher_options;
  const char* program_options;
};

class SlowMpiConformance : public ::testing::TestWithParam<Transport> {};

TEST_P(SlowMpiConformance, ProcessesGiveTheBitsOfThreads) {
  WEFT_NEEDS_MPIRUN();
  for (const int ranks : {2, 4}) {
    const std::string words = std::string("conformance ") + GetParam().program_options;
    const auto processes = run_processes(ranks, words, GetParam().launcher_options);
    ASSERT_EQ(processes.exit_code, 0) << processes.err;
    EXPECT_EQ(processes.out, run_threads(ranks, "conformance").out) << ranks << " ranks";
    // Messages in pieces, as beyond 2^31 bytes.
    const auto pieces =
        run_processes(ranks, words + " --max-message-bytes 1000", GetParam().launcher_options);
    EXPECT_EQ(pieces.out, processes.out);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Transports, SlowMpiConformance,
    ::testing::Values(Transport{"SharedBuffers", "--mca btl vader,self", ""},
                      Transport{"SharedMemoryOfMpi", "--mca btl vader,self", "--no-shared-memory"},
                      Transport{"Tcp", "--mca btl tcp,self", "--no-shared-memory"}),
    [](const auto& transport) { return std::string(transport.param.name); });

TEST(SlowMpiWorld, MismatchedCallsNameRanksAndOperations) {
  WEFT_NEEDS_MPIRUN();
  const auto order = run_processes(3, "wrong-order --timeout 20");
  EXPECT_EQ(order.exit_code, 6);
  EXPECT_THAT(order.err, HasSubstr("broadcast #0 of group world (root 0, f32 [17])"));
  EXPECT_THAT(order.err, HasSubstr("all_reduce #0 of group world (sum, f32 [17])"));

  const auto skipped = run_processes(3, "skipped --timeout 1");
  expect_times(skipped, 1.0, 1.0 + 2.0);
  EXPECT_EQ(skipped.exit_code, 6);
  EXPECT_THAT(skipped.err, HasSubstr("rank 1 owes rank 0 all_reduce #1 of group world "
                                     "(sum, f32 [17]), and has ended"));
  EXPECT_THAT(skipped.err, HasSubstr("last communications of rank 2, oldest first"));
}

TEST(SlowMpiWorld, AThrownErrorIsTheOneThatIsReported) {
  WEFT_NEEDS_MPIRUN();
  const auto result = run_processes(4, "ring --count 100 --timeout 20 --inject throw:rank=2,op=7");
  expect_times(result, 0.0, 2.0);
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("error: injected fault: rank 2 throws at its operation 7"));
  EXPECT_EQ(result.err.find("error: "), result.err.rfind("error: ")) << result.err;
}

TEST(SlowMpiWorld, ADroppedMessageIsNamed) {
  WEFT_NEEDS_MPIRUN();
  const auto result =
      run_processes(2, "ring --count 100 --timeout 1 --inject drop:rank=0,message=6");
  expect_times(result, 1.0, 1.0 + 2.0);
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("rank 0 owes rank 1 link activation of stage 0 chunk 0 of "
                                    "pipeline 0 microbatch 2 of step 0"));
}

/// The processes that wrote pid files are gone 30 s from now at the latest.
void expect_gone(const weft::testing::TempDir& dir, int num_ranks) {
  const auto start = std::chrono::steady_clock::now();
  for (int rank = 0; rank < num_ranks; ++rank) {
    pid_t pid = 0;
    std::ifstream(dir / fmt::format("pid.{}", rank)) >> pid;
    ASSERT_GT(pid, 0);
    while (kill(pid, 0) == 0 && seconds_since(start) < 30.0) std::this_thread::yield();
    EXPECT_NE(kill(pid, 0), 0) << "rank " << rank << " lives";
  }
}

TEST(SlowMpiWorld, AStoppedProcessIsNamedWithWhatItOwes) {
  WEFT_NEEDS_MPIRUN();
  const weft::testing::TempDir dir;
  const auto result =
      run_processes(3, "ring --count 100 --timeout 1 --inject stop:rank=1,op=7 --pid-file " +
                           (dir / "pid").string());
  expect_times(result, 1.0, 1.0 + 2.0);
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("error: no progress for 1.0 s: rank 1 owes rank 0 all_reduce "
                                    "#2 of group world (sum, f32 [17]), and does not answer: it is "
                                    "stopped, dead or unreachable"));
  expect_gone(dir, 3);
}

/// Files in /dev/shm that no process has mapped: other tests may be running.
std::set<std::string> abandoned_files() {
  std::string maps;
  for (const auto& process : std::filesystem::directory_iterator("/proc")) {
    std::ifstream lines(process.path() / "maps");
    for (std::string line; std::getline(lines, line);) {
      if (line.find("/dev/shm/") != std::string::npos) maps += line + "\n";
    }
  }
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    if (maps.find(entry.path().string()) == std::string::npos) names.insert(entry.path());
  }
  return names;
}

TEST(SlowMpiWorld, AKilledProcessEndsAllAndLeavesNothing) {
  WEFT_NEEDS_MPIRUN();
  const weft::testing::TempDir dir;
  const auto before = abandoned_files();
  const auto result =
      run_processes(4, "killed --count 3 --timeout 60 --pid-file " + (dir / "pid").string());
  EXPECT_NE(result.exit_code, 0);
  const auto start = std::chrono::steady_clock::now();
  expect_gone(dir, 4);
  std::set<std::string> left;
  do {  // a file of another test may be about to be mapped
    left.clear();
    std::ranges::set_difference(abandoned_files(), before, std::inserter(left, left.end()));
  } while (!left.empty() && seconds_since(start) < 30.0);
  EXPECT_THAT(left, ::testing::IsEmpty());
}

int64_t available_bytes() {
  std::ifstream info("/proc/meminfo");
  std::string word;
  int64_t kilobytes = 0;
  while (info >> word) {
    if (word == "MemAvailable:") info >> kilobytes;
  }
  return kilobytes * 1024;
}

TEST(SlowMpiWorld, MoreBytesThanAnIntCounts) {
  WEFT_NEEDS_MPIRUN();
  if (available_bytes() < (int64_t{12} << 30)) GTEST_SKIP() << "needs 12 GB of free memory";
  EXPECT_EQ(run_processes(2, "large --timeout 240").out, "2147484649 bytes\n");
  EXPECT_EQ(run_threads(2, "large --timeout 240").out, "2147484649 bytes\n");
}

TEST(SlowMpiWorld, RandomProgramsComplete) {
  WEFT_NEEDS_MPIRUN();
  for (const int ranks : {2, 3, 5, 8}) {
    const auto result = run_processes(
        ranks, fmt::format("random --seed {} --count 500 --timeout 60 --inject jitter:ms=0.05{}",
                           ranks * 1000, ranks == 3 ? " --no-shared-memory" : ""));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, "500 programs\n");
  }
}

TEST(SlowMpiWorld, MutatedProgramsEndWithAReport) {
  WEFT_NEEDS_MPIRUN();
  for (int seed = 1; seed <= 12; ++seed) {
    const auto result = run_processes(3, fmt::format("mutated --seed {} --timeout 0.5", seed));
    expect_times(result, 0.0, 0.5 + 2.0);
    EXPECT_EQ(result.exit_code, 6) << "seed " << seed << ": " << result.err;
    EXPECT_THAT(result.err, ContainsRegex("error: .*rank [0-9]+.*(#[0-9]+ of |microbatch )"));
    EXPECT_THAT(result.err, Not(HasSubstr("Signal")));
  }
}

}  // namespace
}  // namespace weft::comm
