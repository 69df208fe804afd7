// --device of the commands that run models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "support/temp_dir.hpp"

namespace weft::testing {
namespace {

using ::testing::HasSubstr;

const std::string kPretrain =
    " pretrain --num-layers 1 --hidden-size 16 --num-attention-heads 2 --seq-length 8 "
    "--max-position-embeddings 8 --micro-batch-size 1 --lr 1e-3 --train-iters 1 --eval-iters 0 "
    "--mock-data --tokenizer-type NullTokenizer --vocab-size 50256 ";

CommandResult weft(const std::string& words) { return run_command(WEFT_BINARY + words); }

void expect_refusal(const std::string& words) {
  const CommandResult result = weft(words);
  EXPECT_EQ(result.exit_code, 5) << words << result.err;
  EXPECT_THAT(result.err, HasSubstr("error: no usable GPU: "));
  EXPECT_THAT(result.err, HasSubstr("; try --device cpu"));
}

TEST(DeviceFlag, CudaIsRefusedByEveryCommandWithItsReason) {
  const std::string version = weft(" --version").out;
  if (version.find("no usable GPU") == std::string::npos &&
      version.find("no CUDA backend") == std::string::npos) {
    GTEST_SKIP() << "this machine has a GPU";
  }
  expect_refusal(kPretrain + "--device cuda");
  expect_refusal(kPretrain + "--device cuda:3 --dry-run");
  expect_refusal(" generate --load nowhere --device cuda");
  expect_refusal(" selftest --device cuda");
  for (const std::string name : {"train", "gemm", "kernels"}) {
    expect_refusal(" bench " + name + " --device cuda");
  }
}

TEST(DeviceFlag, AutoAndCpuTrain) {
  for (const std::string device : {"auto", "cpu"}) {
    const CommandResult result = weft(kPretrain + "--device " + device);
    EXPECT_EQ(result.exit_code, 0) << result.err;
  }
}

TEST(DeviceFlag, AnUnknownDeviceIsAUsageError) {
  for (const std::string& words : {kPretrain, std::string(" generate --load nowhere ")}) {
    const CommandResult result = weft(words + "--device gpu");
    EXPECT_EQ(result.exit_code, 2) << words;
    EXPECT_THAT(result.err, HasSubstr("expected auto, cpu, cuda or cuda:N"));
  }
}

}  // namespace
}  // namespace weft::testing
