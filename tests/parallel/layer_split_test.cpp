#include "weft/parallel/layer_split.hpp"

#include <gtest/gtest.h>

#include "parallel/refusal.hpp"
#include "weft/base/error.hpp"
#include "weft/parallel/layer_partition.hpp"

namespace weft::parallel {
namespace {

using testing::only_message;
using testing::Refusal;

void expect_refusals(const std::vector<Refusal<LayerSplit>>& cases) {
  for (const auto& [split, message] : cases) {
    EXPECT_EQ(only_message(split.validate()), message);
    try {
      const LayerPartition partition(split);
      ADD_FAILURE() << "accepted: " << message;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_EQ(error.what(), message);
      EXPECT_NE(error.hint(), "") << message;
    }
  }
}

TEST(WrongSplits, EvenOnesPrintTheirEquation) {
  expect_refusals({
      {{.num_layers = 15, .pp = 4}, "num_layers 15 is not divisible by pp 4 (15 / 4 = 3.75)"},
      {{.num_layers = 2, .pp = 4}, "num_layers 2 is not divisible by pp 4 (2 / 4 = 0.5)"},
      {{.num_layers = 16, .pp = 4, .account_for_embedding = true},
       "num_layers 16 + embedding 1 = 17 is not divisible by pp 4 (17 / 4 = 4.25)"},
      {{.num_layers = 12, .pp = 4, .account_for_embedding = true, .account_for_loss = true},
       "num_layers 12 + embedding 1 + loss 1 = 14 is not divisible by pp 4 (14 / 4 = 3.5)"},
      {{.num_layers = 16, .pp = 4, .chunks_per_rank = 3},
       "num_layers 16 / pp 4 = 4 is not divisible by virtual stages per rank 3 (4 / 3 = "
       "1.3333...)"},
      {{.num_layers = 16, .pp = 4, .layers_per_chunk = 3},
       "num_layers 16 / pp 4 = 4 is not divisible by layers per virtual stage 3 (4 / 3 = "
       "1.3333...)"},
      {{.num_layers = 16, .pp = 4, .layers_per_chunk = 8},
       "num_layers 16 / pp 4 = 4 is not divisible by layers per virtual stage 8 (4 / 8 = 0.5)"},
      {{.num_layers = 15, .pp = 4, .chunks_per_rank = 3, .account_for_loss = true},
       "(num_layers 15 + loss 1) / pp 4 = 4 is not divisible by virtual stages per rank 3 (4 / 3 = "
       "1.3333...)"},
      {{.num_layers = 15, .pp = 4, .chunks_per_rank = 2},
       "num_layers 15 is not divisible by pp 4 (15 / 4 = 3.75)"},
  });
}

TEST(WrongSplits, UnevenOnesPrintTheirEquation) {
  expect_refusals({
      {{.num_layers = 14, .pp = 4, .first_rank_layers = 3, .last_rank_layers = 4},
       "num_layers 14 - first 3 - last 4 = 7 is not divisible by other ranks 2 (7 / 2 = 3.5)"},
      {{.num_layers = 14, .pp = 4, .first_rank_layers = 3},
       "num_layers 14 - first 3 = 11 is not divisible by other ranks 3 (11 / 3 = 3.6666...)"},
      {{.num_layers = 14, .pp = 4, .last_rank_layers = 1},
       "num_layers 14 - last 1 = 13 is not divisible by other ranks 3 (13 / 3 = 4.3333...)"},
      {{.num_layers = 8, .pp = 2, .first_rank_layers = 3, .last_rank_layers = 4},
       "first 3 + last 4 = 7 layers leave 1 of num_layers 8 to no rank (pp 2)"},
      {{.num_layers = 8, .pp = 4, .first_rank_layers = 4, .last_rank_layers = 4},
       "first 4 + last 4 = 8 layers leave none of num_layers 8 to the other 2 of pp 4 ranks"},
      {{.num_layers = 8, .pp = 3, .first_rank_layers = 8},
       "first 8 layers leave none of num_layers 8 to the other 2 of pp 3 ranks"},
      {{.num_layers = 8, .pp = 4, .first_rank_layers = 6, .last_rank_layers = 4},
       "first 6 + last 4 = 10 layers are more than num_layers 8"},
      {{.num_layers = 8, .pp = 4, .last_rank_layers = 9},
       "last 9 layers are more than num_layers 8"},
      {{.num_layers = 8, .pp = 1, .first_rank_layers = 8},
       "the first and the last pipeline rank are the same (got first 8 with pp 1, expected pp of "
       "at "
       "least 2)"},
      {{.num_layers = 17,
        .pp = 4,
        .chunks_per_rank = 2,
        .first_rank_layers = 5,
        .last_rank_layers = 4},
       "number of layers of the first rank 5 is not divisible by virtual stages per rank 2 (5 / 2 "
       "= "
       "2.5)"},
      {{.num_layers = 15, .pp = 4, .chunks_per_rank = 2, .last_rank_layers = 3},
       "number of layers of the last rank 3 is not divisible by virtual stages per rank 2 (3 / 2 = "
       "1.5)"},
      {{.num_layers = 13, .pp = 4, .chunks_per_rank = 2, .first_rank_layers = 4},
       "number of layers of every other rank 3 is not divisible by virtual stages per rank 2 (3 / "
       "2 "
       "= 1.5)"},
  });
}

TEST(WrongSplits, FlagsThatExcludeEachOther) {
  expect_refusals({
      {{.num_layers = 16, .pp = 4, .chunks_per_rank = 2, .layers_per_chunk = 2},
       "--num-layers-per-virtual-pipeline-stage and --num-virtual-stages-per-pipeline-rank cannot "
       "be set at the same time (got 2 and 2)"},
      {{.num_layers = 16, .pp = 1, .chunks_per_rank = 2},
       "When interleaved schedule is used, pipeline-model-parallel size should be greater than 1 "
       "(got pp 1, expected at least 2)"},
      {{.num_layers = 16, .pp = 4, .layers_per_chunk = 2, .first_rank_layers = 2},
       "please use --num-virtual-stages-per-pipeline-rank to specify virtual pipeline parallel "
       "degree when enable uneven pipeline parallelism (got "
       "--num-layers-per-virtual-pipeline-stage 2 with first 2)"},
      {{.num_layers = 16, .pp = 4, .last_rank_layers = 4, .account_for_loss = true},
       "--decoder-first-pipeline-num-layers and --decoder-last-pipeline-num-layers cannot be set "
       "at "
       "the same time with --account-for-embedding-in-pipeline-split and "
       "--account-for-loss-in-pipeline-split (got last 4 of num_layers 16 + loss 1 = 17)"},
  });
}

TEST(WrongSplits, SizesOutOfRange) {
  expect_refusals({
      {{.num_layers = 0}, "--num-layers is out of range (got 0, expected at least 1)"},
      {{.num_layers = 1'000'001},
       "--num-layers is out of range (got 1000001, expected at most 1000000)"},
      {{.pp = 0}, "--pipeline-model-parallel-size is out of range (got 0, expected at least 1)"},
      {{.pp = 2, .chunks_per_rank = 0},
       "--num-virtual-stages-per-pipeline-rank is out of range (got 0, expected at least 1)"},
      {{.pp = 2, .layers_per_chunk = -1},
       "--num-layers-per-virtual-pipeline-stage is out of range (got -1, expected at least 1)"},
      {{.pp = 2, .first_rank_layers = 0},
       "--decoder-first-pipeline-num-layers is out of range (got 0, expected at least 1)"},
      {{.pp = 2, .last_rank_layers = 0},
       "--decoder-last-pipeline-num-layers is out of range (got 0, expected at least 1)"},
  });
}

LayerSplit with_layout(int64_t num_layers, int64_t pp, const char* layout) {
  LayerSplit split{.num_layers = num_layers, .pp = pp};
  split.layout = layout;
  return split;
}

TEST(WrongSplits, LayoutsThatDoNotFit) {
  LayerSplit doubled = with_layout(4, 2, "Et*2|t*2L");
  doubled.chunks_per_rank = 1;
  expect_refusals({
      {with_layout(8, 4, "E|t*3|t*3|tL"),
       "--pipeline-model-parallel-layout E|t*3|t*3|tL has 7 layers, num_layers is 8"},
      {with_layout(4, 4, "Et|t|t|t|L"),
       "--pipeline-model-parallel-layout Et|t|t|t|L has 5 stages, which is not divisible by pp 4 "
       "(5 / 4 = 1.25)"},
      {doubled,
       "--pipeline-model-parallel-layout Et*2|t*2L already says what every stage holds (got other "
       "flags of the split too)"},
      {with_layout(4, 2, "Et*2|t*2"),
       "--pipeline-model-parallel-layout Et*2|t*2 is malformed (got L 0 times, expected once)"},
  });
}

TEST(WrongSplits, AllProblemsAreReportedAtOnce) {
  const LayerSplit split{.num_layers = 16,
                         .pp = 1,
                         .chunks_per_rank = 2,
                         .layers_per_chunk = 2,
                         .first_rank_layers = 2,
                         .account_for_embedding = true};
  EXPECT_EQ(split.validate().size(), 5u);
  LayerSplit layout = with_layout(9, 2, "Et|t|tL");
  layout.account_for_loss = true;
  EXPECT_EQ(layout.validate().size(), 3u);
}

TEST(WrongSplits, TheHintNamesLayersThatWork) {
  const auto hint = [](const LayerSplit& split) { return split.validate().at(0).hint; };
  EXPECT_EQ(hint({.num_layers = 15, .pp = 4}),
            "--num-layers 12 or 16, or another --pipeline-model-parallel-size");
  EXPECT_EQ(hint({.num_layers = 16, .pp = 4, .account_for_embedding = true}),
            "--num-layers 15 or 19, or another --pipeline-model-parallel-size");
  EXPECT_EQ(hint({.num_layers = 2, .pp = 4}),
            "--num-layers 4, or another --pipeline-model-parallel-size");
}

}  // namespace
}  // namespace weft::parallel
