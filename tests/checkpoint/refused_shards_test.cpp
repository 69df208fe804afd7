// What several ranks do not accept as their checkpoint.
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

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

/// The error of loading, which changes nothing on any rank.
Error load_error(const fs::path& root, Parts& parts) {
  for (const auto& part : parts) {
    for_each_tensor(*part, [](const std::string& name, TensorView view) { fill(name, view, 55); });
    part->optimizer.set_num_steps(55);
  }
  try {
    load(root, parts);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::checkpoint) << error.what();
    expect_parts(parts, 55);
    return error;
  }
  return Error(ErrorKind::internal, "the checkpoint was accepted");
}

void expect_words(const Error& error, const std::vector<std::string>& words) {
  for (const std::string& word : words) {
    EXPECT_NE(std::string(error.what()).find(word), std::string::npos)
        << word << " is not in: " << error.what();
  }
}

TEST(RefusedShards, NamesTensorsThatNobodyWantsAndThoseThatLack) {
  const TempDir dir;
  Parts deep = make_parts(config_of(4), 2, 41);
  Parts shallow = make_parts(config_of(2), 2, 5);
  save(dir.path(), 3, deep);
  Error error = load_error(dir.path(), shallow);
  expect_words(
      error, {"model.safetensors.index.json has tensor decoder.layers.2.", "which this run lacks"});
  EXPECT_NE(error.hint().find("--num-layers"), std::string::npos) << error.hint();

  save(dir.path(), 4, shallow);
  error = load_error(dir.path(), deep);
  expect_words(error, {"model.safetensors.index.json has no tensor decoder.layers.2."});
  EXPECT_NE(error.hint().find("--num-layers"), std::string::npos) << error.hint();
}

TEST(RefusedShards, NobodyWantsAnotherOptimizersState) {
  Parts parts = make_parts(config_of(2), 2, 41);
  const TempDir dir;
  save(dir.path(), 3, parts);
  optim::OptimizerConfig plain;
  plain.optimizer = "sgd";
  plain.sgd_momentum = 0.0;
  try {
    on_ranks(parts, [&](Part& part, comm::Communicator& ranks) {
      optim::Optimizer optimizer(plain, part.parameters);
      load_model(dir.path(), part.parameters, &optimizer, {}, &ranks);
    });
    FAIL() << "the checkpoint was accepted";
  } catch (const Error& error) {
    expect_words(error, {"optimizer.safetensors.index.json has tensor optimizer.state.exp_avg."});
    EXPECT_NE(error.hint().find("--optimizer"), std::string::npos) << error.hint();
  }
}

TEST(RefusedShards, ACheckpointWithoutOptimizerSaysSo) {
  Parts parts = make_parts(config_of(2), 2, 41);
  const TempDir dir;
  on_ranks(parts, [&](Part& part, comm::Communicator& ranks) {
    TrainState state;
    state.iteration = 3;
    save_model(dir.path(), state, part.parameters, nullptr, &ranks);
  });
  EXPECT_EQ(names_in(dir / "iter_0000003").count("optimizer.safetensors.index.json"), 0U);
  const Error error = load_error(dir.path(), parts);
  expect_words(error, {"iter_0000003 has no optimizer.safetensors"});
  EXPECT_NE(error.hint().find("--no-load-optim"), std::string::npos) << error.hint();
}

class DamagedShardsTest : public ::testing::Test {
 protected:
  DamagedShardsTest() {
    Parts parts = make_parts(config_, 2, 41);
    save(dir_.path(), 3, parts);
  }
  /// Loading fails with these words on one rank and on two.
  void expect_refused(const std::vector<std::string>& words) {
    for (const int num_ranks : {1, 2}) {
      Parts parts = make_parts(config_, num_ranks, 5);
      expect_words(load_error(dir_.path(), parts), words);
    }
  }

  const model::ModelConfig config_ = config_of(2);
  const TempDir dir_;
  const fs::path directory_ = dir_ / "iter_0000003";
};

TEST_F(DamagedShardsTest, NamesMissingAndCutShardsAndTheirTensor) {
  for (const char* stem : {"model", "optimizer"}) {
    const std::string name = tensor_file_name(stem, {1, 2});
    const fs::path path = directory_ / name;
    const std::string whole = testing::read_file(path);
    fs::remove(path);
    expect_refused({name, "No such file", "decoder.layers.1."});
    testing::write_file(path, whole.substr(0, whole.size() - 4));
    expect_refused({name, "decoder.layers.1."});
    testing::write_file(path, whole);
  }
  Parts parts = make_parts(config_, 2, 5);
  load(dir_.path(), parts);
  expect_parts(parts, 41);
}

TEST_F(DamagedShardsTest, ShardsHoldWhatTheIndexSays) {
  const fs::path path = directory_ / tensor_file_name("model", {1, 2});
  const std::string whole = testing::read_file(path);
  const Part last(config_, 1, 2);
  std::vector<NamedTensor> tensors;
  for (const Parameter& parameter : last.parameters.all()) {
    if (!parameter.is_copy) tensors.push_back({parameter.name, parameter.main});
  }
  const NamedTensor removed = tensors.back();
  tensors.pop_back();
  write_safetensors(path, tensors, {});
  expect_refused({path.filename().string(), "has no tensor " + removed.name});

  tensors.push_back(removed);
  tensors.push_back({"decoder.layers.9.more", removed.value});
  write_safetensors(path, tensors, {});
  expect_refused({path.filename().string(), "has tensor decoder.layers.9.more", "nowhere"});

  tensors.back() = {model::kWordEmbeddings, removed.value};
  write_safetensors(path, tensors, {});
  expect_refused(
      {path.filename().string(), model::kWordEmbeddings, "in model-00001-of-00002.safetensors"});

  const Tensor other({3}, DType::f32);
  tensors.pop_back();
  tensors.back().value = other.view();
  write_safetensors(path, tensors, {});
  expect_refused({path.filename().string(), removed.name, "[3]; expected F32 [8]"});
}

TEST_F(DamagedShardsTest, RefusesDamagedIndexes) {
  const fs::path path = directory_ / "model.safetensors.index.json";
  const std::string whole = testing::read_file(path);
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("{}"), whole.substr(0, whole.size() / 2),
        std::string(R"({"weight_map": []})"), std::string(R"({"weight_map": {"a": 1}})"),
        std::string(R"({"weight_map": {"a": ""}})"), std::string(R"({"weight_map": {"a": ".."}})"),
        std::string(R"({"weight_map": {"a": "../iter_0000003/x"}})"),
        std::string(R"({"weight_map": {"a": "x\u0000"}})")}) {
    testing::write_file(path, text);
    expect_refused({path.filename().string()});
  }
  fs::remove(path);
  expect_refused({"model.safetensors"});
}

}  // namespace
}  // namespace weft::checkpoint
