// Pipelines of MPI processes, as users start them: the numbers of threads, and how jobs end.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace weft::testing {
namespace {

using ::testing::HasSubstr;

/// Skips the test where there is no launcher.
#define WEFT_NEEDS_MPIRUN()                                            \
  if (run_command("command -v mpirun").exit_code != 0) {               \
    GTEST_SKIP() << "no mpirun: install openmpi-bin to run MPI tests"; \
  }

std::string pretrain(const std::string& more) {
  return fmt::format(
      "{} pretrain --num-layers 4 --hidden-size 32 --num-attention-heads 4 --seq-length 32 "
      "--max-position-embeddings 32 --micro-batch-size 2 --global-batch-size 8 --train-iters 3 "
      "--lr 1e-3 --mock-data --tokenizer-type NullTokenizer --vocab-size 5000 --split 90,5,5 "
      "--eval-iters 1 --log-interval 1 --threads-per-rank 1 {}",
      WEFT_BINARY, more);
}

/// `words` in that many processes; `before` is the shell's, run in each of them.
CommandResult run_mpi(int processes, const std::string& words, const std::string& before = {}) {
  const std::string program =
      before.empty() ? words : fmt::format("sh -c '{} exec {}'", before, words);
  return run_command(
      fmt::format("ASAN_OPTIONS=detect_leaks=0 OMPI_MCA_btl_vader_single_copy_mechanism=none "
                  "timeout 60 mpirun --allow-run-as-root --oversubscribe --bind-to none -np {} {}",
                  processes, program));
}

int count(const std::string& text, const std::string& part) {
  int found = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// Loss and norm of every record from `first` on.
std::vector<std::string> numbers(const std::filesystem::path& metrics, int first = 0) {
  std::vector<std::string> all;
  std::istringstream lines(read_file(metrics));
  for (std::string line; std::getline(lines, line);) {
    const auto record = nlohmann::json::parse(line);
    if (record.at("iteration") < first) continue;
    all.push_back(record.at("lm_loss").dump() + " " +
                  record.value("grad_norm", nlohmann::json()).dump());
  }
  return all;
}

void expect_one_error(const CommandResult& result, int code, const std::string& part) {
  EXPECT_EQ(result.exit_code, code) << result.err;
  EXPECT_EQ(count("\n" + result.err, "\nerror: "), 1) << result.err;
  EXPECT_THAT(result.err, HasSubstr(part));
}

TEST(MpiWorldPretrain, HasTheNumbersOfThreadsAndOfOneRank) {
  WEFT_NEEDS_MPIRUN();
  const TempDir dir;
  const auto file = [&](const char* name) {
    return fmt::format(" --metrics-file {}", (dir / name).string());
  };
  ASSERT_EQ(run_command(pretrain(file("one"))).exit_code, 0);
  const std::string pipeline = "--pipeline-model-parallel-size 2";
  ASSERT_EQ(run_command(pretrain(pipeline + file("threads"))).exit_code, 0);
  const CommandResult processes = run_mpi(2, pretrain(pipeline + file("processes")));
  ASSERT_EQ(processes.exit_code, 0) << processes.err;
  EXPECT_EQ(numbers(dir / "one").size(), 5U);
  EXPECT_EQ(numbers(dir / "threads"), numbers(dir / "one"));
  EXPECT_EQ(numbers(dir / "processes"), numbers(dir / "one"));
  for (const char* line : {" iteration        2/       3 |", "building GPT model",
                           "done with setup", "[Rank 1] Planned memory"}) {
    EXPECT_EQ(count(processes.out, line), 1) << line << "\n" << processes.out;
  }
}

TEST(MpiWorldPretrain, BadOptionsAreSaidOnce) {
  WEFT_NEEDS_MPIRUN();
  const std::string pipeline = "--pipeline-model-parallel-size 2 ";
  expect_one_error(run_mpi(2, pretrain(pipeline + "--lr-bogus 1")), 2, "--lr-bogus");
  expect_one_error(run_mpi(2, pretrain(pipeline + "--pipeline-schedule bogus")), 2,
                   "--pipeline-schedule: no schedule has this name (got bogus");
  const CommandResult three = run_mpi(3, pretrain(pipeline));
  expect_one_error(three, 2, "--pipeline-model-parallel-size");
  EXPECT_THAT(three.err, HasSubstr("--world-size"));
}

TEST(MpiWorldSlowPretrain, ARankThatFailsEndsAll) {
  WEFT_NEEDS_MPIRUN();
  const std::string pipeline = "--pipeline-model-parallel-size 2 ";
  expect_one_error(run_mpi(2, pretrain(pipeline + "--inject throw:rank=1,op=40")), 6,
                   "injected fault: rank 1");
  // Processes that fail alike at the same moment speak once too.
  expect_one_error(run_mpi(2, pretrain(pipeline + "--lr 1e38")), 7, "(expected a finite number)");
}

TEST(MpiWorldSlowPretrain, ThreadsGoOnFromWhatProcessesSaved) {
  WEFT_NEEDS_MPIRUN();
  const TempDir dir;
  const std::string pipeline = "--pipeline-model-parallel-size 2";
  const auto file = [&](const char* name) {
    return fmt::format(" --metrics-file {}", (dir / name).string());
  };
  ASSERT_EQ(run_command(pretrain(pipeline + file("all"))).exit_code, 0);
  const CommandResult saved =
      run_mpi(2, pretrain(fmt::format("{} --save {} --save-interval 2 --exit-interval 2", pipeline,
                                      (dir / "model").string())));
  ASSERT_EQ(saved.exit_code, 0) << saved.err;
  const CommandResult resumed = run_command(
      pretrain(fmt::format("{}{} --load {}", pipeline, file("rest"), (dir / "model").string())));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.err;
  EXPECT_FALSE(numbers(dir / "rest").empty());
  EXPECT_EQ(numbers(dir / "rest", 3), numbers(dir / "all", 3));
}

/// A shell that sends `signal` to its process, the one of rank 1, two seconds from now.
std::string later(const char* signal) {
  return fmt::format("test $OMPI_COMM_WORLD_RANK = 0 || (sleep 2; kill -{} $$) &", signal);
}

TEST(MpiWorldSlowPretrain, ASignalToOneProcessSavesAndEndsAll) {
  WEFT_NEEDS_MPIRUN();
  const TempDir dir;
  const CommandResult result =
      run_mpi(2,
              pretrain(fmt::format(
                  "--pipeline-model-parallel-size 2 --train-iters 1000000 --save-interval 1000000 "
                  "--log-interval 1000 --exit-signal-handler --save {}",
                  (dir / "model").string())),
              later("TERM"));
  EXPECT_EQ(result.exit_code, 75) << result.err;
  EXPECT_EQ(count(result.out, "exiting program after receiving SIGTERM"), 1) << result.out;
  EXPECT_TRUE(std::filesystem::exists(dir / "model/latest_checkpointed_iteration.txt"));
}

TEST(MpiWorldSlowPretrain, AKilledProcessEndsTheOthers) {
  WEFT_NEEDS_MPIRUN();
  const CommandResult result =
      run_mpi(2,
              pretrain("--pipeline-model-parallel-size 2 --train-iters 1000000 "
                       "--log-interval 1000"),
              later("KILL"));
  EXPECT_EQ(result.exit_code, 137) << result.err;
}

}  // namespace
}  // namespace weft::testing
