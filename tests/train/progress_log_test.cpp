#include "weft/train/progress_log.hpp"

#include <gtest/gtest.h>

#include <ctime>

#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"

namespace weft::train {
namespace {

using testing::TempDir;

/// 2025-01-02 03:04:00 local time and `seconds` later.
std::chrono::system_clock::time_point at(double seconds) {
  std::tm local{};
  local.tm_year = 125;
  local.tm_mday = 2;
  local.tm_hour = 3;
  local.tm_min = 4;
  local.tm_isdst = -1;
  return std::chrono::system_clock::from_time_t(std::mktime(&local)) +
         std::chrono::milliseconds(static_cast<int64_t>(1000.0 * seconds));
}

TEST(ProgressLog, WritesMegatronsLines) {
  const TempDir dir;
  ProgressLog log(dir / "not" / "yet", "", 2);
  log.start_job(at(0.0));
  log.saved(at(10.0), {.iteration = 50,
                       .job_operations = 4e13,
                       .job_seconds = 8.0,
                       .operations = 4e13,
                       .tokens = 1234567890});
  // A second job, which starts a minute later from that checkpoint.
  ProgressLog later(dir / "not" / "yet", "7", 2);
  later.start_job(at(60.0));
  later.saved(at(100.0), {.iteration = 100,
                          .job_operations = 1.2e15,
                          .job_seconds = 40.0,
                          .operations = 1.24e15,
                          .tokens = 2000000000});
  EXPECT_EQ(testing::read_file(dir / "not" / "yet" / "progress.txt"),
            "2025-01-02 03:04:00\tJob ID: \t# GPUs: 2\tStarting job\n"
            "2025-01-02 03:04:10\tJob ID: \t# GPUs: 2\tSaved checkpoint\tIteration: 50\t"
            "Job throughput: 2.5 TFLOP/s/GPU\tCumulative throughput: 2.0 TFLOP/s/GPU\t"
            "Floating-point operations: 4.00e+13\tTokens (in billions): 1.23\n"
            "2025-01-02 03:05:00\tJob ID: 7\t# GPUs: 2\tStarting job\n"
            "2025-01-02 03:05:40\tJob ID: 7\t# GPUs: 2\tSaved checkpoint\tIteration: 100\t"
            "Job throughput: 15.0 TFLOP/s/GPU\tCumulative throughput: 6.2 TFLOP/s/GPU\t"
            "Floating-point operations: 1.24e+15\tTokens (in billions): 2.00\n");
}

TEST(ProgressLog, CumulativeThroughputStartsAgainWithTheNumberOfRanks) {
  const std::string one = "2025-01-02 03:04:00\tJob ID: \t# GPUs: 1\tStarting job\n";
  const std::string saved =
      "2025-01-02 03:04:30\tJob ID: \t# GPUs: 1\tSaved checkpoint\tIteration: 50\ta\tb\t"
      "Floating-point operations: 4.00e+13\tTokens (in billions): 1.23\n";
  const std::string two = "2025-01-02 03:05:00\tJob ID: \t# GPUs: 2\tStarting job\n";
  const std::string again = "2025-01-02 03:06:00\tJob ID: \t# GPUs: 1\tStarting job\n";
  EXPECT_FALSE(first_job_start("", 1));
  EXPECT_EQ(first_job_start(one, 1)->time, at(0.0));
  EXPECT_FALSE(first_job_start(one, 2));
  EXPECT_EQ(first_job_start(one + saved + two, 2)->time, at(60.0));
  EXPECT_EQ(first_job_start(one + saved + two, 2)->operations, 4e13);
  EXPECT_FALSE(first_job_start(one + saved + two, 1));
  EXPECT_EQ(first_job_start(one + saved + again, 1)->time, at(0.0));
  EXPECT_EQ(first_job_start(one + saved + two + again, 1)->time, at(120.0));
  EXPECT_EQ(first_job_start("a line of somebody's\n\tb\tc\td\te\n" + one, 1)->time, at(0.0));
}

TEST(ProgressLog, AFileThatCannotBeWrittenIsAnError) {
  const TempDir dir;
  testing::write_file(dir / "file", "");
  ProgressLog log(dir / "file", "", 1);
  EXPECT_THROW(log.start_job(at(0.0)), Error);
}

}  // namespace
}  // namespace weft::train
