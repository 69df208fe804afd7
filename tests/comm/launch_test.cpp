#include "weft/comm/launch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weft/base/error.hpp"

namespace weft::comm {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

TEST(DetectLaunch, NothingMeansThreads) {
  const Launch launch = detect_launch({});
  EXPECT_EQ(launch.launcher, "none");
  EXPECT_EQ(launch.announced, 1);
  EXPECT_FALSE(launch.by_mpi);
  RecordingLogger logger;
  EXPECT_EQ(make_world(launch, logger, {})->kind(), "threads");
}

TEST(DetectLaunch, KnowsTheLaunchers) {
  const Launch mpirun = detect_launch({{"OMPI_COMM_WORLD_SIZE", "4"}, {"SLURM_NTASKS", "8"}});
  EXPECT_EQ(mpirun.launcher, "mpirun");
  EXPECT_EQ(mpirun.announced, 4);
  EXPECT_TRUE(mpirun.by_mpi);
  EXPECT_THAT(mpirun.reasons, Contains("SLURM_NTASKS=8 is overruled by OMPI_COMM_WORLD_SIZE"));

  const Launch srun = detect_launch({{"PMIX_RANK", "0"}, {"SLURM_NTASKS", "8"}});
  EXPECT_EQ(srun.launcher, "Slurm");
  EXPECT_EQ(srun.announced, 8);
  EXPECT_TRUE(srun.by_mpi);

  const Launch torchrun = detect_launch({{"RANK", "1"}, {"WORLD_SIZE", "2"}});
  EXPECT_EQ(torchrun.launcher, "torchrun");
  EXPECT_FALSE(torchrun.by_mpi);
}

TEST(DetectLaunch, IgnoresWhatIsNoCount) {
  const Launch launch = detect_launch({{"WORLD_SIZE", "many"}});
  EXPECT_EQ(launch.announced, 1);
  EXPECT_THAT(launch.reasons, Contains("WORLD_SIZE=many is no count and is ignored"));
}

TEST(MakeWorld, RefusesProcessesThatMpiDoesNotHave) {
  RecordingLogger logger;
  try {
    make_world(detect_launch({{"SLURM_NTASKS", "3"}}), logger, {});
    FAIL() << "a world of one process was made";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_THAT(error.what(), HasSubstr("Slurm announces 3 processes (SLURM_NTASKS=3)"));
    EXPECT_THAT(error.what(), HasSubstr("MPI has 1 rank"));
    EXPECT_THAT(error.hint(), HasSubstr("mpirun -np 3"));
  }
}

}  // namespace
}  // namespace weft::comm
