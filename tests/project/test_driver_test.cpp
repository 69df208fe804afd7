// scripts/test in a small tree whose other scripts and ctest are stand-ins.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "support/temp_dir.hpp"

namespace weft {
namespace {

using testing::CommandResult;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::read_file;
using testing::run_command;
using testing::TempDir;
using testing::write_file;

class TestDriver : public ::testing::Test {
 protected:
  TestDriver() {
    for (const char* folder : {"scripts", "bin", "build/relassert", "build/asan", "build/tsan",
                               "build/cuda", "cuda/bin", "tests/base"}) {
      std::filesystem::create_directories(dir_ / folder);
    }
    write_file(dir_ / "tests/base/x_test.cpp", "");
    program("scripts/test", read_file(WEFT_SOURCE_DIR "/scripts/test"));
    for (const char* name : {"scripts/install-packages", "scripts/lint", "scripts/build",
                             "quickstart", "cuda/bin/nvcc"}) {
      program(name, "#!/bin/sh\n");
    }
    ctest("100% tests passed, 0 tests failed out of 7", 0);
  }

  void program(const std::string& name, const std::string& text) {
    std::filesystem::permissions(write_file(dir_ / name, text), std::filesystem::perms::owner_all);
  }

  void ctest(const std::string& summary, int status) {
    program("bin/ctest", "#!/bin/sh\necho ctest \"$@\"\necho '" + summary + "'\nexit " +
                             std::to_string(status) + "\n");
  }

  CommandResult run(const std::string& arguments) {
    const std::string root = dir_.path().string();
    return run_command("PATH=" + root + "/bin:$PATH CUDA_HOME=" + root + "/cuda " + root +
                       "/scripts/test " + arguments);
  }

 private:
  TempDir dir_;
};

TEST_F(TestDriver, DailyRunEndsWithTheSummaryOfCtest) {
  const CommandResult result = run("");
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("+ scripts/lint format includes"));
  EXPECT_THAT(result.out, HasSubstr("--test-dir build/relassert"));
  EXPECT_THAT(result.out, HasSubstr("-L fast\n"));
  EXPECT_THAT(result.out, EndsWith("100% tests passed, 0 tests failed out of 7\n"));
}

TEST_F(TestDriver, FailedTestsFailTheRun) {
  ctest("86% tests passed, 1 tests failed out of 7", 8);
  EXPECT_NE(run("").exit_code, 0);
}

TEST_F(TestDriver, FailedLintEndsTheDailyRunBeforeTheTests) {
  program("scripts/lint", "#!/bin/sh\nexit 1\n");
  const CommandResult result = run("");
  EXPECT_NE(result.exit_code, 0);
  EXPECT_THAT(result.out, Not(HasSubstr("ctest --test-dir")));
  EXPECT_THAT(result.out, EndsWith("0 passed, 1 failed\n"));
}

TEST_F(TestDriver, OtherArgumentsGoToCtest) {
  const CommandResult result = run("-R Philox");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr("--no-tests=error -R Philox"));
  EXPECT_THAT(result.out, Not(HasSubstr("scripts/lint")));
}

TEST_F(TestDriver, FullRunAddsUpEverything) {
  const CommandResult result = run("full");
  EXPECT_EQ(result.exit_code, 0) << result.out << result.err;
  EXPECT_THAT(result.out, HasSubstr("+ scripts/build tsan weft_base_tests\n"));
  EXPECT_THAT(result.out, HasSubstr("+ scripts/build cuda weft weft_cuda_tests\n"));
  // Four runs of seven tests, and nine steps.
  EXPECT_THAT(result.out, EndsWith("\n37 passed, 0 failed\n"));
}

TEST_F(TestDriver, SkippedTestsAreNotCountedAsPassed) {
  ctest("1/7 Test #1: A.B ...***Skipped 0.01 sec\n100% tests passed, 0 tests failed out of 7", 0);
  const CommandResult result = run("full");
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.out, HasSubstr(", 4 tests skipped"));
  EXPECT_THAT(result.out, EndsWith("\n33 passed, 0 failed\n"));
}

TEST_F(TestDriver, FullRunGoesOnAfterAFailureAndReportsIt) {
  ctest("71% tests passed, 2 tests failed out of 7", 8);
  program("scripts/lint", "#!/bin/sh\nexit 1\n");
  const CommandResult result = run("full");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, HasSubstr("== clang-tidy: FAILED"));
  const std::string again = result.out.substr(result.out.find("\n== failures again\n"));
  EXPECT_THAT(again, HasSubstr("\n== clang-tidy\n"));
  EXPECT_THAT(again, HasSubstr("\n== fast tests under asan and ubsan\n"));
  EXPECT_THAT(result.out, EndsWith("\n27 passed, 10 failed\n"));
}

TEST_F(TestDriver, FullRunCountsACtestThatDiedAsAFailure) {
  ctest("Segmentation fault", 139);
  const CommandResult result = run("full");
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.out, EndsWith("\n9 passed, 4 failed\n"));
}

}  // namespace
}  // namespace weft
