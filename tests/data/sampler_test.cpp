#include "weft/data/sampler.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "support/vectors.hpp"
#include "weft/base/error.hpp"

namespace weft::data {

namespace {

using Batches = std::vector<std::vector<int64_t>>;

SamplerConfig config_of(const nlohmann::json& entry, const char* type) {
  SamplerConfig config;
  config.type = type;
  config.total_samples = entry.at("total_samples");
  config.micro_batch_size = entry.at("micro_batch_size");
  config.data_parallel_size = entry.at("dp_size");
  config.data_sharding = entry.value("data_sharding", true);
  return config;
}

void expect_batches(const nlohmann::json& entry, const char* type) {
  SCOPED_TRACE(entry.dump());
  const Sampler sampler(config_of(entry, type));
  const auto ranks = entry.at("per_rank").get<std::vector<Batches>>();
  for (size_t rank = 0; rank < ranks.size(); ++rank) {
    for (size_t m = 0; m < ranks[rank].size(); ++m) {
      EXPECT_EQ(sampler.microbatch(entry.at("consumed"), static_cast<int64_t>(m),
                                   static_cast<int64_t>(rank)),
                ranks[rank][m])
          << "rank " << rank << ", microbatch " << m;
    }
  }
}

TEST(Sampler, DealsSingleAsMegatron) {
  const auto entries = testing::load_vector("samplers").at("single");
  ASSERT_FALSE(entries.empty());
  for (const auto& entry : entries) {
    if (entry.at("drop_last").get<bool>()) expect_batches(entry, "single");
  }
}

TEST(Sampler, DealsCyclicAsMegatron) {
  const auto entries = testing::load_vector("samplers").at("cyclic");
  ASSERT_FALSE(entries.empty());
  for (const auto& entry : entries) {
    expect_batches(entry, "cyclic");
  }
}

TEST(Sampler, SaysWhenTheSamplesHaveRunOut) {
  const Sampler sampler({.total_samples = 11, .micro_batch_size = 2, .data_parallel_size = 2});
  EXPECT_NO_THROW(sampler.microbatch(0, 1, 0));
  EXPECT_THROW(sampler.microbatch(0, 2, 0), Error);
  EXPECT_THROW(Sampler({.total_samples = 0}), Error);
  EXPECT_THROW(Sampler({.type = "external", .total_samples = 1}), Error);
}

TEST(Sampler, CyclicCannotStartInsideABlock) {
  const Sampler sampler({.type = "cyclic", .total_samples = 20, .micro_batch_size = 2});
  EXPECT_THROW(sampler.microbatch(1, 0, 0), Error);
}

TEST(Sampler, IsAFunctionOfConsumedSamplesOnly) {
  const SamplerConfig config{
      .type = "cyclic", .total_samples = 24, .micro_batch_size = 2, .data_parallel_size = 3};
  const Sampler sampler(config);
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::set<int64_t> seen;
    for (int64_t m = 0; m < 4; ++m) {
      for (int64_t rank = 0; rank < 3; ++rank) {
        const auto indices = sampler.microbatch(0, epoch * 4 + m, rank);
        EXPECT_EQ(indices, Sampler(config).microbatch(epoch * 24 + m * 6, 0, rank));
        seen.insert(indices.begin(), indices.end());
      }
    }
    EXPECT_EQ(seen.size(), 24u) << "epoch " << epoch;
  }
}

}  // namespace

}  // namespace weft::data
