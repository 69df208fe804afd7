#include "weft/train/batch_rules.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "weft/base/error.hpp"
#include "weft/train/make_train_config.hpp"

namespace weft::train {
namespace {

using ::testing::HasSubstr;

// The error of a run of 100 samples with micro batch 2, or an empty text.
std::string refusal(const std::string& extra) {
  std::istringstream in(
      "--num-layers 2 --hidden-size 32 --num-attention-heads 4 --seq-length 16 "
      "--max-position-embeddings 16 --micro-batch-size 2 --lr 1e-3 --mock-data "
      "--tokenizer-type NullTokenizer --vocab-size 9 " +
      extra);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  try {
    prepare_run({words, {}});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_FALSE(error.hint().empty());
    return error.what();
  }
  return "";
}

std::string ramp_refusal(const std::string& ramp, const std::string& extra = "") {
  return refusal("--train-samples 100 --global-batch-size 8 --rampup-batch-size " + ramp + " " +
                 extra);
}

TEST(BatchRules, AcceptsWhatMegatronAccepts) {
  EXPECT_EQ(ramp_refusal("2 2 40"), "");
  EXPECT_EQ(ramp_refusal("8 2 40"), "");
  EXPECT_EQ(ramp_refusal("2 3 40", "--decrease-batch-size-if-needed"), "");
  EXPECT_EQ(refusal("--train-iters 5 --global-batch-size 3 --decrease-batch-size-if-needed"), "");
}

TEST(BatchRules, BrokenRampsSayMegatronsWords) {
  EXPECT_THAT(ramp_refusal("2 2"), HasSubstr("expected the following format: --rampup-batch-size"));
  EXPECT_THAT(ramp_refusal("2 two 40"), HasSubstr("(got 2 two 40, expected three whole numbers)"));
  EXPECT_THAT(ramp_refusal("0 2 40"), HasSubstr("start batch size should be positive, got 0."));
  EXPECT_THAT(ramp_refusal("2 0 40"), HasSubstr("increment should be positive, got 0."));
  EXPECT_THAT(ramp_refusal("2 2 -1"), HasSubstr("ramp-up samples should be non-negative, got -1."));
  EXPECT_THAT(ramp_refusal("10 2 40"),
              HasSubstr("greater than or equal to start batch size, got 8 and 10"));
  EXPECT_THAT(ramp_refusal("2 4 40"),
              HasSubstr("batch size interval (6) to be divisible by global batch size increment "
                        "(4)"));
  EXPECT_THAT(ramp_refusal("5 3 40"),
              HasSubstr("current global batch size (5) is not divisible by micro-batch-size (2)"));
  EXPECT_THAT(ramp_refusal("2 3 40"), HasSubstr("current global batch size (5)"));
  EXPECT_THAT(ramp_refusal("1 1 40", "--decrease-batch-size-if-needed"),
              HasSubstr("number of microbatches should be at least 1, got 0"));
}

TEST(BatchRules, OnlyARunCountedInSamplesCanRamp) {
  EXPECT_THAT(refusal("--train-iters 5 --global-batch-size 8 --rampup-batch-size 2 2 40"),
              HasSubstr("expected no batch-size rampup for iteration-based training"));
}

}  // namespace
}  // namespace weft::train
