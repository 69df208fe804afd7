// Worlds of processes: the same bits as threads, and how they end when something goes wrong.
#include "weft/comm/mpi_world.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include "comm/mpi_launcher.hpp"

namespace weft::comm {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_processes;
using testing::run_threads;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
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
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("rank 0 calls all_reduce #1 of group world (sum, f32 [17])"));
  EXPECT_THAT(result.err, HasSubstr("rank 1 calls all_reduce #1 of group world (sum, f32 [18])"));
}

class SlowMpiConformance : public ::testing::TestWithParam<std::string> {};

TEST_P(SlowMpiConformance, ProcessesGiveTheBitsOfThreads) {
  WEFT_NEEDS_MPIRUN();
  for (const int ranks : {2, 4}) {
    const auto processes = run_processes(ranks, "conformance", GetParam());
    ASSERT_EQ(processes.exit_code, 0) << processes.err;
    EXPECT_EQ(processes.out, run_threads(ranks, "conformance").out) << ranks << " ranks";
    // Messages in pieces, as beyond 2^31 bytes.
    EXPECT_EQ(run_processes(ranks, "conformance --max-message-bytes 1000", GetParam()).out,
              processes.out);
  }
}

INSTANTIATE_TEST_SUITE_P(Transports, SlowMpiConformance,
                         ::testing::Values("--mca btl vader,self", "--mca btl tcp,self"));

TEST(SlowMpiWorld, MismatchedCallsNameRanksAndOperations) {
  WEFT_NEEDS_MPIRUN();
  const auto order = run_processes(3, "wrong-order --timeout 20");
  EXPECT_EQ(order.exit_code, 6);
  EXPECT_THAT(order.err, HasSubstr("broadcast #0 of group world (root 0, f32 [17])"));
  EXPECT_THAT(order.err, HasSubstr("all_reduce #0 of group world (sum, f32 [17])"));

  const auto start = std::chrono::steady_clock::now();
  const auto skipped = run_processes(3, "skipped --timeout 1");
  EXPECT_LT(seconds_since(start), 1.0 + 2.0 + 2.0) << "deadline, report, launcher";
  EXPECT_EQ(skipped.exit_code, 6);
  EXPECT_THAT(skipped.err, HasSubstr("rank 1 owes rank 0 all_reduce #1 of group world "
                                     "(sum, f32 [17]), and has ended"));
  EXPECT_THAT(skipped.err, HasSubstr("last communications of rank 2, oldest first"));
}

TEST(SlowMpiWorld, AThrownErrorIsTheOneThatIsReported) {
  WEFT_NEEDS_MPIRUN();
  const auto result = run_processes(4, "ring --count 100 --timeout 20 --inject throw:rank=2,op=7");
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("error: injected fault: rank 2 throws at its operation 7"));
  EXPECT_EQ(result.err.find("error: "), result.err.rfind("error: ")) << result.err;
}

TEST(SlowMpiWorld, ADroppedMessageIsNamed) {
  WEFT_NEEDS_MPIRUN();
  const auto result =
      run_processes(2, "ring --count 100 --timeout 1 --inject drop:rank=0,message=6");
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("rank 0 owes rank 1 link activation of stage 0 chunk 0 of "
                                    "pipeline 0 microbatch 2 of step 0"));
}

TEST(SlowMpiWorld, AStoppedProcessIsNamedWithWhatItOwes) {
  WEFT_NEEDS_MPIRUN();
  const auto start = std::chrono::steady_clock::now();
  const auto result = run_processes(2, "ring --count 100 --timeout 1 --inject stop:rank=1,op=7");
  EXPECT_LT(seconds_since(start), 1.0 + 2.0 + 2.0) << "deadline, report, launcher";
  EXPECT_EQ(result.exit_code, 6);
  EXPECT_THAT(result.err, HasSubstr("rank 1 owes rank 0 "));
  EXPECT_THAT(result.err, HasSubstr("does not answer: it is stopped, dead or unreachable"));
}

std::set<std::string> shared_memory_files() {
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator("/dev/shm")) {
    names.insert(entry.path().filename());
  }
  return names;
}

TEST(SlowMpiWorld, AKilledProcessEndsAllAndLeavesNothing) {
  WEFT_NEEDS_MPIRUN();
  const weft::testing::TempDir dir;
  const auto before = shared_memory_files();
  const auto result =
      run_processes(4, "killed --count 3 --timeout 60 --pid-file " + (dir / "pid").string());
  EXPECT_NE(result.exit_code, 0);
  const auto start = std::chrono::steady_clock::now();
  for (int rank = 0; rank < 4; ++rank) {
    pid_t pid = 0;
    std::ifstream(dir / fmt::format("pid.{}", rank)) >> pid;
    ASSERT_GT(pid, 0);
    while (kill(pid, 0) == 0 && seconds_since(start) < 30.0) std::this_thread::yield();
    EXPECT_NE(kill(pid, 0), 0) << "rank " << rank << " lives";
  }
  for (const std::string& name : shared_memory_files()) {
    EXPECT_TRUE(before.contains(name)) << "/dev/shm/" << name << " is left";
  }
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
  for (const int ranks : {2, 3, 5}) {
    const auto result = run_processes(
        ranks, fmt::format("random --seed {} --count 300 --timeout 30 --inject jitter:ms=0.05",
                           ranks * 1000));
    EXPECT_EQ(result.exit_code, 0) << result.err;
    EXPECT_EQ(result.out, "300 programs\n");
  }
}

TEST(SlowMpiWorld, MutatedProgramsEndWithAReport) {
  WEFT_NEEDS_MPIRUN();
  for (int seed = 1; seed <= 12; ++seed) {
    const auto result = run_processes(3, fmt::format("mutated --seed {} --timeout 0.5", seed));
    EXPECT_EQ(result.exit_code, 6) << "seed " << seed << ": " << result.err;
    EXPECT_THAT(result.err, HasSubstr("error: "));
    EXPECT_THAT(result.err, HasSubstr("rank "));
    EXPECT_THAT(result.err, Not(HasSubstr("Signal")));
  }
}

}  // namespace
}  // namespace weft::comm
