// Saving and loading models that several ranks hold together.
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "checkpoint/parts.hpp"
#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"
#include "weft/checkpoint/checkpoint.hpp"
#include "weft/checkpoint/safetensors.hpp"
#include "weft/checkpoint/shard_index.hpp"
#include "weft/model/gpt_parameters.hpp"

namespace weft::checkpoint {
namespace {

namespace fs = std::filesystem;
using model::Parameter;
using model::ParameterSet;
using testing::TempDir;

TEST(ShardedCheckpoint, LoadsOnAnyNumberOfRanks) {
  const model::ModelConfig config = config_of(4);
  for (const int saved : {1, 2, 4}) {
    Parts parts = make_parts(config, saved, 41);
    spoil_copies(parts);
    const TempDir dir;
    save(dir.path(), 3, parts);
    for (const int loaded : {1, 2, 4}) {
      SCOPED_TRACE(fmt::format("from {} to {}", saved, loaded));
      Parts others = make_parts(config, loaded, 5);
      load(dir.path(), others);
      expect_parts(others, 41);
    }
  }
}

TEST(ShardedCheckpoint, MainValuesOfLowPrecisionModelsAreRounded) {
  const model::ModelConfig config = config_of(4, DType::bf16);
  Parts parts = make_parts(config, 4, 41);
  const TempDir dir;
  save(dir.path(), 3, parts);
  Parts others = make_parts(config, 2, 5);
  load(dir.path(), others);
  expect_parts(others, 41);
  Parameter& copy = others[1]->parameters.at(model::kWordEmbeddings);
  ASSERT_TRUE(copy.is_copy);
  EXPECT_EQ(to_float(copy.value.span<BFloat16>()[0]),
            to_float(to_bfloat16(copy.main.span<float>()[0])));
}

TEST(ShardedCheckpoint, OneRankAloneLoadsTheModelOfShards) {
  Parts parts = make_parts(config_of(4), 4, 41);
  const TempDir dir;
  save(dir.path(), 3, parts);
  ParameterSet whole = model::make_gpt_parameters(config_of(4));
  ASSERT_TRUE(load_model(dir.path(), whole, nullptr).has_value());
  for (const Parameter& parameter : whole.all()) {
    expect_filled(parameter.name, parameter.main, 41);
  }
}

TEST(ShardedCheckpoint, TheIndexNamesTheShardOfEveryTensor) {
  const model::ModelConfig config = config_of(4);
  Parts parts = make_parts(config, 2, 41);
  const TempDir dir;
  save(dir.path(), 3, parts);
  const fs::path directory = dir / "iter_0000003";
  EXPECT_EQ(
      names_in(directory),
      (std::set<std::string>{"model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors",
                             "model.safetensors.index.json", "optimizer-00001-of-00002.safetensors",
                             "optimizer-00002-of-00002.safetensors",
                             "optimizer.safetensors.index.json", "state.json"}));

  WeightMap model_map;
  WeightMap state_map;
  size_t bytes = 0;
  for (size_t rank = 0; rank < 2; ++rank) {
    const Shard shard{static_cast<int>(rank), 2};
    for (const Parameter& parameter : parts[rank]->parameters.all()) {
      if (parameter.is_copy) continue;
      model_map[parameter.name] = tensor_file_name("model", shard);
      bytes += parameter.main.size_bytes();
      for (const char* kind : {"exp_avg", "exp_avg_sq"}) {
        state_map[fmt::format("optimizer.state.{}.{}", kind, parameter.name)] =
            tensor_file_name("optimizer", shard);
      }
    }
  }
  ASSERT_EQ(model_map.size(), model::gpt_parameter_names(config).size());
  ASSERT_EQ(model_map.at(model::kWordEmbeddings), "model-00001-of-00002.safetensors");
  const auto text_of = [](size_t total, const WeightMap& map) {
    nlohmann::ordered_json index;
    index["metadata"]["total_size"] = total;
    for (const auto& [tensor, file] : map) index["weight_map"][tensor] = file;
    return index.dump(2) + "\n";
  };
  EXPECT_EQ(testing::read_file(directory / "model.safetensors.index.json"),
            text_of(bytes, model_map));
  EXPECT_EQ(testing::read_file(directory / "optimizer.safetensors.index.json"),
            text_of(2 * bytes, state_map));
  for (const auto& [tensor, file] : model_map) {
    EXPECT_TRUE(SafetensorsFile(directory / file).tensors().contains(tensor)) << tensor;
  }
}

TEST(ShardedCheckpoint, ACommunicatorOfOneRankChangesNoFile) {
  Parts parts = make_parts(config_of(2), 1, 41);
  const TempDir dir;
  save(dir.path(), 3, parts);
  const TempDir alone;
  TrainState state;
  state.iteration = 3;
  state.seed = 7;
  save_model(alone.path(), state, parts[0]->parameters, &parts[0]->optimizer);
  const std::set<std::string> names{"model.safetensors", "optimizer.safetensors", "state.json"};
  EXPECT_EQ(names_in(dir / "iter_0000003"), names);
  for (const std::string& name : names) {
    EXPECT_EQ(testing::read_file(dir / "iter_0000003" / name),
              testing::read_file(alone / "iter_0000003" / name))
        << name;
  }
}

TEST(ShardedCheckpoint, ARankOfOnlyCopiesWritesAnEmptyShard) {
  const model::ModelConfig config = config_of(2);
  Parts parts = make_parts(config, 1, 41);
  parts.push_back(std::move(make_parts(config, 1, 41)[0]));
  for (Parameter& parameter : parts[1]->parameters.all()) parameter.is_copy = true;
  spoil_copies(parts);
  const TempDir dir;
  save(dir.path(), 3, parts);
  for (const char* stem : {"model", "optimizer"}) {
    const SafetensorsFile shard(dir / "iter_0000003" / tensor_file_name(stem, {1, 2}));
    EXPECT_TRUE(shard.tensors().empty()) << stem;
  }
  load(dir.path(), parts);
  expect_parts(parts, 41);
}

TEST(ShardedCheckpoint, AnOptimizerWithoutStateHasAnEmptyIndex) {
  Parts parts = make_parts(config_of(2), 2, 41);
  optim::OptimizerConfig plain;
  plain.optimizer = "sgd";
  plain.sgd_momentum = 0.0;
  const TempDir dir;
  on_ranks(parts, [&](Part& part, comm::Communicator& ranks) {
    TrainState state;
    state.iteration = 3;
    optim::Optimizer optimizer(plain, part.parameters);
    optimizer.set_num_steps(2);
    save_model(dir.path(), state, part.parameters, &optimizer, &ranks);
    optimizer.set_num_steps(0);
    load_model(dir.path(), part.parameters, &optimizer, {}, &ranks);
    EXPECT_EQ(optimizer.num_steps(), 2);
  });
  EXPECT_TRUE(read_index(dir / "iter_0000003" / index_file_name("optimizer")).empty());
}

TEST(ShardedCheckpoint, AnotherNumberOfRanksReplacesAllFiles) {
  const model::ModelConfig config = config_of(4);
  const TempDir dir;
  for (const int num_ranks : {4, 1, 2}) {
    const auto salt = static_cast<uint32_t>(num_ranks);
    Parts parts = make_parts(config, num_ranks, salt);
    save(dir.path(), 3, parts);
    EXPECT_EQ(names_in(dir.path()),
              (std::set<std::string>{"iter_0000003", "latest_checkpointed_iteration.txt"}));
    Parts whole = make_parts(config, 1, 5);
    load(dir.path(), whole);
    expect_parts(whole, salt);
  }
}

TEST(ShardedCheckpoint, OfFileAndIndexTheFileCounts) {
  const model::ModelConfig config = config_of(2);
  Parts whole = make_parts(config, 1, 41);
  const TempDir dir;
  save(dir.path(), 3, whole);
  testing::write_file(dir / "iter_0000003" / "model.safetensors.index.json", "damaged");
  Parts parts = make_parts(config, 2, 5);
  load(dir.path(), parts);
  expect_parts(parts, 41);
}

TEST(ShardedCheckpoint, TwoRanksCannotWriteOneTensor) {
  const model::ModelConfig config = config_of(2);
  Parts parts = make_parts(config, 1, 41);
  parts.push_back(std::move(make_parts(config, 1, 41)[0]));
  const TempDir dir;
  EXPECT_THROW(save(dir.path(), 3, parts), Error);
  EXPECT_TRUE(names_in(dir.path()).empty());
}

class FailingSaveTest : public ::testing::Test {
 protected:
  FailingSaveTest() { save(dir_.path(), 1, parts_); }

  /// Iteration 1 is the latest and has its bits; beside it lies only `other`.
  void expect_first_checkpoint(const std::set<std::string>& other = {}) {
    std::set<std::string> names{"iter_0000001", "latest_checkpointed_iteration.txt"};
    names.insert(other.begin(), other.end());
    EXPECT_EQ(names_in(dir_.path()), names);
    EXPECT_EQ(load_state(dir_.path())->iteration, 1);
    Parts parts = make_parts(config_, 2, 5);
    load(dir_.path(), parts);
    expect_parts(parts, 41);
  }

  const model::ModelConfig config_ = config_of(2);
  const TempDir dir_;
  Parts parts_ = make_parts(config_, 2, 41);
  Parts others_ = make_parts(config_, 2, 43);
};

TEST_F(FailingSaveTest, OfAnyRankLeavesTheCheckpointBefore) {
  for (const size_t rank : {size_t{0}, size_t{1}}) {
    Parameter& parameter = others_[rank]->parameters.all().back();
    const TensorView main = parameter.main;
    parameter.main = {main.raw(), DType::u8, main.shape()};  // no type of checkpoints
    EXPECT_THROW(save(dir_.path(), 2, others_), Error) << rank;
    expect_first_checkpoint();
    EXPECT_THROW(save(dir_.path(), 1, others_), Error) << rank;
    expect_first_checkpoint();
    parameter.main = main;
  }
}

TEST_F(FailingSaveTest, OfRankZeroAtTheEndLeavesTheCheckpointBefore) {
  testing::write_file(dir_ / "iter_0000002", "in the way");
  EXPECT_THROW(save(dir_.path(), 2, others_), Error);
  expect_first_checkpoint({"iter_0000002"});
}

TEST_F(FailingSaveTest, BelowAFileReachesAllRanks) {
  testing::write_file(dir_ / "file", "");
  int num_released = 0;
  EXPECT_THROW(on_ranks(others_,
                        [&](Part& part, comm::Communicator& ranks) {
                          try {
                            save_model(dir_ / "file", {}, part.parameters, nullptr, &ranks);
                          } catch (const Error&) {
                            if (ranks.rank() == 1) ++num_released;
                            throw;
                          }
                        }),
               Error);
  EXPECT_EQ(num_released, 1);
  expect_first_checkpoint({"file"});
}

}  // namespace
}  // namespace weft::checkpoint
