#include "weft/parallel/layer_partition.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "support/vectors.hpp"
#include "weft/base/error.hpp"

namespace weft::parallel {
namespace {

std::optional<int64_t> maybe(const nlohmann::json& value) {
  return value.is_null() ? std::nullopt : std::optional<int64_t>(value.get<int64_t>());
}

LayerSplit split_of(const nlohmann::json& vector) {
  LayerSplit split;
  split.num_layers = vector.at("num_layers");
  split.pp = vector.at("pp");
  split.chunks_per_rank = maybe(vector.at("vpp"));
  split.first_rank_layers = maybe(vector.at("first"));
  split.last_rank_layers = maybe(vector.at("last"));
  split.account_for_embedding = vector.at("account_embedding");
  split.account_for_loss = vector.at("account_loss");
  return split;
}

std::vector<int64_t> layers_of(const StageLayers& stage) {
  std::vector<int64_t> layers(static_cast<size_t>(stage.num_layers));
  std::iota(layers.begin(), layers.end(), stage.first_layer);
  return layers;
}

RankOfStage wave(int64_t pp) {
  return [pp](int64_t stage) { return stage / pp % 2 == 0 ? stage % pp : pp - 1 - stage % pp; };
}

// Every layer once, in order; every chunk of every rank once; embedding and head at the ends.
void expect_whole(const LayerPartition& partition, const LayerSplit& split) {
  int64_t next = 0;
  int64_t of_ranks = 0;
  for (const StageLayers& stage : partition.stages()) {
    EXPECT_EQ(stage.first_layer, next);
    EXPECT_GE(stage.num_layers, 0);
    for (const int64_t layer : layers_of(stage)) {
      EXPECT_EQ(partition.stage_of_layer(layer), stage);
    }
    next = stage.end_layer();
    EXPECT_EQ(partition.at(stage.pp_rank, stage.chunk), stage);
    EXPECT_EQ(stage.has_embedding, stage.stage == 0);
    EXPECT_EQ(stage.has_head, stage.stage == partition.num_stages() - 1);
  }
  EXPECT_EQ(next, split.num_layers);
  EXPECT_EQ(partition.num_layers(), split.num_layers);
  EXPECT_EQ(partition.num_ranks(), split.pp);
  EXPECT_EQ(partition.num_stages(), partition.num_chunks() * split.pp);
  for (int64_t rank = 0; rank < split.pp; ++rank) {
    of_ranks += partition.num_layers_of_rank(rank);
    for (int64_t chunk = 1; chunk < partition.num_chunks(); ++chunk) {
      EXPECT_LT(partition.at(rank, chunk - 1).stage, partition.at(rank, chunk).stage);
    }
  }
  EXPECT_EQ(of_ranks, split.num_layers);
}

TEST(LayerPartition, EqualsMegatronsOfTheVectors) {
  const nlohmann::json vectors =
      testing::load_vector("parallel_and_schedules").at("layer_assignment");
  ASSERT_EQ(vectors.size(), 11u);
  for (const nlohmann::json& vector : vectors) {
    const LayerSplit split = split_of(vector);
    const LayerPartition partition(split);
    expect_whole(partition, split);
    const nlohmann::json& expected = vector.at("layers_0based");
    ASSERT_EQ(expected.size(), static_cast<size_t>(partition.num_stages())) << vector;
    for (const StageLayers& stage : partition.stages()) {
      const std::string key = fmt::format("pp{}_vpp{}", stage.pp_rank, stage.chunk);
      EXPECT_EQ(layers_of(stage), expected.at(key).get<std::vector<int64_t>>()) << key << vector;
    }
  }
}

// The seed's run gives --num-layers-per-virtual-pipeline-stage 1 with 16 layers on 4 ranks.
TEST(LayerPartition, LayersPerChunkGiveTheChunks) {
  const LayerPartition partition(LayerSplit{.num_layers = 16, .pp = 4, .layers_per_chunk = 1});
  EXPECT_EQ(partition.num_chunks(), 4);
  EXPECT_EQ(partition.at(3, 2).first_layer, 11);
  EXPECT_EQ(partition.stage_of_layer(9).pp_rank, 1);
  EXPECT_EQ(partition.head_pp_rank(), 3);
  const LayerSplit accounted{.num_layers = 14,
                             .pp = 4,
                             .layers_per_chunk = 2,
                             .account_for_embedding = true,
                             .account_for_loss = true};
  EXPECT_EQ(LayerPartition(accounted).layout(), "Et|t*2|t*2|t*2|t*2|t*2|t*2|tL");
}

TEST(LayerPartition, AWaveComesBackToTheFirstRank) {
  const LayerSplit split{.num_layers = 8, .pp = 2, .chunks_per_rank = 2};
  const LayerPartition partition(split, wave(2));
  expect_whole(partition, split);
  EXPECT_EQ(layers_of(partition.at(0, 0)), (std::vector<int64_t>{0, 1}));
  EXPECT_EQ(layers_of(partition.at(1, 0)), (std::vector<int64_t>{2, 3}));
  EXPECT_EQ(layers_of(partition.at(1, 1)), (std::vector<int64_t>{4, 5}));
  EXPECT_EQ(layers_of(partition.at(0, 1)), (std::vector<int64_t>{6, 7}));
  EXPECT_EQ(partition.head_pp_rank(), 0);
}

TEST(LayerPartition, InAWaveUnevenRanksKeepTheirLayers) {
  const LayerSplit split{.num_layers = 20,
                         .pp = 4,
                         .chunks_per_rank = 2,
                         .first_rank_layers = 4,
                         .last_rank_layers = 4};
  const LayerPartition loop(split);
  const LayerPartition turned(split, wave(4));
  expect_whole(turned, split);
  EXPECT_EQ(loop.layout(), "Et*2|t*3|t*3|t*2|t*2|t*3|t*3|t*2L");
  EXPECT_EQ(turned.layout(), "Et*2|t*3|t*3|t*2|t*2|t*3|t*3|t*2L");
  for (int64_t rank = 0; rank < 4; ++rank) {
    EXPECT_EQ(turned.num_layers_of_rank(rank), loop.num_layers_of_rank(rank));
  }
}

// Megatron's own formula goes wrong here: stage 1 would start where stage 0 does.
TEST(LayerPartition, OnlyTheLastRankCanBeUnevenWithChunks) {
  const LayerSplit split{.num_layers = 8, .pp = 3, .chunks_per_rank = 2, .last_rank_layers = 4};
  const LayerPartition partition(split);
  expect_whole(partition, split);
  EXPECT_EQ(partition.layout(), "Et|t|t*2|t|t|t*2L");
}

TEST(LayerPartition, TheEmbeddingMayFillAStage) {
  const LayerSplit split{.num_layers = 6,
                         .pp = 4,
                         .chunks_per_rank = 2,
                         .account_for_embedding = true,
                         .account_for_loss = true};
  const LayerPartition partition(split);
  expect_whole(partition, split);
  EXPECT_EQ(partition.layout(), "E|t|t|t|t|t|t|L");
  const LayerSplit one_stage{.num_layers = 1, .account_for_embedding = true};
  EXPECT_EQ(LayerPartition(one_stage).layout(), "EtL");
}

TEST(LayerPartition, FollowsAnExplicitLayout) {
  const LayerSplit split{.num_layers = 7, .pp = 2, .layout = "E|t*3|t*3|tL"};
  const LayerPartition loop(split);
  expect_whole(loop, split);
  EXPECT_EQ(loop.num_chunks(), 2);
  EXPECT_EQ(layers_of(loop.at(1, 0)), (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(layers_of(loop.at(0, 1)), (std::vector<int64_t>{3, 4, 5}));
  EXPECT_EQ(loop.layout(), split.layout);
  const LayerPartition turned(split, wave(2));
  expect_whole(turned, split);
  EXPECT_EQ(layers_of(turned.at(1, 1)), (std::vector<int64_t>{3, 4, 5}));
}

TEST(LayerPartition, RefusesMappingsAndPlacesThatDoNotExist) {
  const LayerSplit split{.num_layers = 8, .pp = 2, .chunks_per_rank = 2};
  EXPECT_THROW(LayerPartition(split, [](int64_t) { return 0; }), Error);
  EXPECT_THROW(LayerPartition(split, [](int64_t stage) { return stage; }), Error);
  const LayerPartition partition(split);
  EXPECT_THROW(partition.at(2, 0), Error);
  EXPECT_THROW(partition.at(0, 2), Error);
  EXPECT_THROW(partition.stage_of_layer(8), Error);
  EXPECT_THROW(partition.stage_of_layer(-1), Error);
}

// Random splits: each is either refused with a message or holds every layer once, under both
// mappings; written as a layout it is the same partition again.
TEST(LayerPartition, RandomSplitsLoseNoLayer) {
  std::mt19937 random(3);
  const auto below = [&random](uint32_t limit) { return static_cast<int64_t>(random() % limit); };
  const auto some = [&](uint32_t limit) {
    return random() % 3 == 0 ? std::optional<int64_t>(1 + below(limit)) : std::nullopt;
  };
  int accepted = 0;
  int uneven = 0;
  for (int trial = 0; trial < 20'000; ++trial) {
    LayerSplit split{.num_layers = 1 + below(40), .pp = 1 + below(6)};
    split.chunks_per_rank = some(4);
    if (random() % 4 == 0) split.layers_per_chunk = some(4);
    split.first_rank_layers = some(8);
    split.last_rank_layers = some(8);
    split.account_for_embedding = random() % 5 == 0;
    split.account_for_loss = random() % 5 == 0;
    if (const std::vector<Problem> problems = split.validate(); !problems.empty()) {
      EXPECT_THROW(LayerPartition{split}, Error);
      for (const Problem& problem : problems) EXPECT_NE(problem.hint, "") << problem.message;
      continue;
    }
    ++accepted;
    uneven += split.is_uneven() ? 1 : 0;
    const LayerPartition loop(split);
    expect_whole(loop, split);
    expect_whole(LayerPartition(split, wave(split.pp)), split);
    const LayerPartition again(
        LayerSplit{.num_layers = split.num_layers, .pp = split.pp, .layout = loop.layout()});
    EXPECT_TRUE(std::equal(loop.stages().begin(), loop.stages().end(), again.stages().begin(),
                           again.stages().end()));
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(uneven, 200);
}

}  // namespace
}  // namespace weft::parallel
