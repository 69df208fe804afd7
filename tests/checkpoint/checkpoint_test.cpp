#include "weft/checkpoint/checkpoint.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstring>
#include <set>

#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"
#include "weft/checkpoint/safetensors.hpp"

namespace weft::checkpoint {
namespace {

namespace fs = std::filesystem;
using model::Parameter;
using model::ParameterSet;
using testing::TempDir;

constexpr const char* kEmbedding = "embedding.word_embeddings.weight";
constexpr const char* kBias = "decoder.layers.0.mlp.linear_fc1.bias";

ParameterSet make_parameters(int64_t vocab = 11, int64_t width = 6) {
  std::vector<Parameter> parameters(2);
  parameters[0].name = kEmbedding;
  parameters[0].shape = {vocab, width};
  parameters[1].name = kBias;
  parameters[1].shape = {width};
  return ParameterSet(std::move(parameters));
}

/// Distinct bits everywhere, denormals and negative zeros among them.
void fill_bits(TensorView view, uint32_t salt) {
  for (float& value : view.span<float>()) {
    salt = salt * 1664525U + 1013904223U;
    const uint32_t bits = salt & 0x807fffffU;
    std::memcpy(&value, &bits, 4);
  }
}

void fill_all(ParameterSet& parameters, const optim::Optimizer& optimizer, uint32_t salt) {
  for (Parameter& parameter : parameters.all()) fill_bits(parameter.value, ++salt);
  for (const optim::StateTensor& tensor : optimizer.state()) fill_bits(tensor.value, ++salt);
}

std::string bytes_of(const ParameterSet& parameters, const optim::Optimizer& optimizer) {
  std::string bytes;
  const auto append = [&](const TensorView& view) {
    bytes.append(static_cast<const char*>(view.raw()), view.size_bytes());
  };
  for (const Parameter& parameter : parameters.all()) append(parameter.value);
  for (const optim::StateTensor& tensor : optimizer.state()) append(tensor.value);
  return bytes;
}

TrainState make_state(int64_t iteration) {
  TrainState state;
  state.iteration = iteration;
  state.consumed_train_samples = iteration * 16;
  state.consumed_valid_samples = 32;
  state.schedule_samples = iteration * 16 - 16;
  state.seed = 0xfedcba9876543210U;
  state.model = {{"num_layers", 1}, {"hidden_size", 6}, {"tokenizer", {{"vocab_file", "v.json"}}}};
  return state;
}

std::set<std::string> names_in(const fs::path& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.insert(entry.path().filename().string());
  }
  return names;
}

class CheckpointTest : public ::testing::Test {
 protected:
  CheckpointTest() { fill_all(parameters_, optimizer_, 1); }

  void save(int64_t iteration) {
    save_model(dir_.path(), make_state(iteration), parameters_, &optimizer_);
  }
  /// The error of loading into `parameters`.
  Error load_error(ParameterSet& parameters, optim::Optimizer* optimizer = nullptr) {
    try {
      load_model(dir_.path(), parameters, optimizer);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
      return error;
    }
    return Error(ErrorKind::internal, "the checkpoint was accepted");
  }

  TempDir dir_;
  ParameterSet parameters_ = make_parameters();
  optim::Optimizer optimizer_{{}, parameters_};
};

TEST_F(CheckpointTest, LoadsTheSavedBits) {
  optimizer_.set_num_steps(41);
  save(42);
  EXPECT_EQ(names_in(dir_.path()),
            (std::set<std::string>{"iter_0000042", "latest_checkpointed_iteration.txt"}));
  EXPECT_EQ(names_in(dir_ / "iter_0000042"),
            (std::set<std::string>{"model.safetensors", "optimizer.safetensors", "state.json"}));
  EXPECT_EQ(testing::read_file(dir_ / "latest_checkpointed_iteration.txt"), "42");

  ParameterSet parameters = make_parameters();
  optim::Optimizer optimizer({}, parameters);
  const auto state = load_model(dir_.path(), parameters, &optimizer);
  ASSERT_TRUE(state.has_value());
  EXPECT_EQ(bytes_of(parameters, optimizer), bytes_of(parameters_, optimizer_));
  EXPECT_EQ(optimizer.num_steps(), 41);
  EXPECT_EQ(state->iteration, 42);
  EXPECT_EQ(state->consumed_train_samples, 42 * 16);
  EXPECT_EQ(state->consumed_valid_samples, 32);
  EXPECT_EQ(state->schedule_samples, 41 * 16);
  EXPECT_EQ(state->optimizer_steps, 41);
  EXPECT_EQ(state->seed, 0xfedcba9876543210U);
  EXPECT_EQ(state->model.dump(), make_state(42).model.dump()) << "order of keys included";
}

TEST_F(CheckpointTest, SavingWhatWasLoadedGivesTheSameFiles) {
  save(1);
  const TempDir other;
  const auto state = load_model(dir_.path(), parameters_, &optimizer_);
  save_model(other.path(), *state, parameters_, &optimizer_);
  for (const std::string& name : names_in(dir_ / "iter_0000001")) {
    EXPECT_EQ(testing::read_file(other.path() / "iter_0000001" / name),
              testing::read_file(dir_ / "iter_0000001" / name))
        << name;
  }
}

TEST_F(CheckpointTest, AResumedRunEqualsTheUninterruptedOne) {
  Stream stream;
  const kernels::Context context{stream, {}};
  const auto step = [&](ParameterSet& parameters, optim::Optimizer& optimizer, uint32_t salt) {
    for (Parameter& parameter : parameters.all()) {
      for (float& gradient : parameter.grad.span<float>()) {
        salt = salt * 1664525U + 1013904223U;
        gradient = static_cast<float>(salt >> 8) * 1e-7F - 0.8F;
      }
    }
    optimizer.step(context, {0.01, 0.1});
  };
  for (Parameter& parameter : parameters_.all()) {
    std::ranges::fill(parameter.value.span<float>(), 0.5F);
  }
  optim::Optimizer uninterrupted({}, parameters_);
  step(parameters_, uninterrupted, 1);
  step(parameters_, uninterrupted, 2);
  save_model(dir_.path(), make_state(2), parameters_, &uninterrupted);
  step(parameters_, uninterrupted, 3);

  ParameterSet parameters = make_parameters();
  optim::Optimizer resumed({}, parameters);
  load_model(dir_.path(), parameters, &resumed);
  step(parameters, resumed, 3);
  EXPECT_EQ(bytes_of(parameters, resumed), bytes_of(parameters_, uninterrupted));
}

TEST_F(CheckpointTest, TheModelLoadsWithoutTheOptimizer) {
  save_model(dir_.path(), make_state(3), parameters_, nullptr);
  ParameterSet parameters = make_parameters();
  EXPECT_TRUE(load_model(dir_.path(), parameters, nullptr).has_value());
  EXPECT_EQ(bytes_of(parameters, optimizer_), bytes_of(parameters_, optimizer_));
  optim::Optimizer optimizer({}, parameters);
  EXPECT_NE(std::string(load_error(parameters, &optimizer).what()).find("optimizer.safetensors"),
            std::string::npos);
}

TEST_F(CheckpointTest, WithoutTrackerThereIsNothingToLoad) {
  EXPECT_FALSE(load_model(dir_.path(), parameters_, &optimizer_).has_value());
  EXPECT_FALSE(load_state(dir_ / "absent").has_value());
}

TEST_F(CheckpointTest, LaterSavesBecomeTheLatest) {
  save(1);
  save(2);
  EXPECT_EQ(load_state(dir_.path())->iteration, 2);
  EXPECT_TRUE(fs::exists(dir_ / "iter_0000001"));
}

TEST_F(CheckpointTest, SavingAnIterationAgainReplacesIt) {
  save(1);
  fill_all(parameters_, optimizer_, 99);
  save(1);
  EXPECT_EQ(names_in(dir_.path()),
            (std::set<std::string>{"iter_0000001", "latest_checkpointed_iteration.txt"}));
  ParameterSet parameters = make_parameters();
  optim::Optimizer optimizer({}, parameters);
  load_model(dir_.path(), parameters, &optimizer);
  EXPECT_EQ(bytes_of(parameters, optimizer), bytes_of(parameters_, optimizer_));
}

/// Exit status of a child process that saves iteration 2 with files limited to `max_bytes`: 4 after
/// Error{checkpoint}, 0 after a complete save.
int save_in_limited_child(const fs::path& root, const ParameterSet& parameters,
                          const optim::Optimizer& optimizer, rlim_t max_bytes) {
  const pid_t child = fork();
  if (child == 0) {
    std::signal(SIGXFSZ, SIG_IGN);  // writes then fail with EFBIG, as they do on a full disk
    const rlimit limit{max_bytes, max_bytes};
    setrlimit(RLIMIT_FSIZE, &limit);
    int status = 0;
    try {
      save_model(root, make_state(2), parameters, &optimizer);
    } catch (const Error& error) {
      status = exit_code(error.kind());
    }
    _exit(status);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(CheckpointTest, AFailedSaveLeavesThePreviousCheckpoint) {
  save(1);
  const std::string saved = bytes_of(parameters_, optimizer_);
  const auto size_of_file = [&](const char* name) {
    return static_cast<rlim_t>(fs::file_size(dir_ / "iter_0000001" / name));
  };
  const rlim_t model = size_of_file("model.safetensors");
  const rlim_t optimizer_size = size_of_file("optimizer.safetensors");
  ASSERT_LT(model, optimizer_size);
  fill_all(parameters_, optimizer_, 99);
  // Nothing fits, the model fits in part, the model fits and the optimizer does not.
  for (const rlim_t limit : {rlim_t{0}, rlim_t{100}, model, optimizer_size - 1}) {
    ASSERT_EQ(save_in_limited_child(dir_.path(), parameters_, optimizer_, limit), 4) << limit;
    EXPECT_EQ(names_in(dir_.path()),
              (std::set<std::string>{"iter_0000001", "latest_checkpointed_iteration.txt"}));
    ParameterSet parameters = make_parameters();
    optim::Optimizer optimizer({}, parameters);
    ASSERT_EQ(load_model(dir_.path(), parameters, &optimizer)->iteration, 1);
    EXPECT_EQ(bytes_of(parameters, optimizer), saved);
  }
  EXPECT_EQ(save_in_limited_child(dir_.path(), parameters_, optimizer_, 1 << 20), 0);
  EXPECT_EQ(load_state(dir_.path())->iteration, 2);
}

TEST_F(CheckpointTest, TheTrackerNamesOnlyWhatIsThere) {
  save(1);
  testing::write_file(dir_ / "iter_0000002", "in the way");
  EXPECT_THROW(save(2), Error);
  EXPECT_EQ(load_state(dir_.path())->iteration, 1);
  EXPECT_EQ(names_in(dir_.path()), (std::set<std::string>{"iter_0000001", "iter_0000002",
                                                          "latest_checkpointed_iteration.txt"}));
}

TEST_F(CheckpointTest, ASaveBelowAFileFails) {
  testing::write_file(dir_ / "file", "");
  EXPECT_THROW(save_model(dir_ / "file", make_state(1), parameters_, nullptr), Error);
}

TEST_F(CheckpointTest, NamesTensorAndFlagOfAnotherShape) {
  save(1);
  ParameterSet wider = make_parameters(12, 6);
  fill_bits(wider.all()[0].value, 5);
  const std::string before(static_cast<const char*>(wider.all()[0].value.raw()), 64);
  const Error error = load_error(wider);
  const std::string what = error.what();
  EXPECT_NE(what.find(kEmbedding), std::string::npos) << what;
  EXPECT_NE(what.find("[11,6]"), std::string::npos) << what;
  EXPECT_NE(what.find("[12,6]"), std::string::npos) << what;
  EXPECT_NE(error.hint().find("--hidden-size"), std::string::npos) << error.hint();
  EXPECT_EQ(std::string(static_cast<const char*>(wider.all()[0].value.raw()), 64), before);
}

TEST_F(CheckpointTest, NamesMissingAndUnknownTensors) {
  save(1);
  std::vector<Parameter> more = make_parameters().all();
  more.push_back(more[1]);
  more[2].name = "decoder.layers.1.mlp.linear_fc1.bias";
  ParameterSet deeper(more);
  Error error = load_error(deeper);
  EXPECT_NE(std::string(error.what()).find("no tensor decoder.layers.1.mlp.linear_fc1.bias"),
            std::string::npos)
      << error.what();
  EXPECT_NE(error.hint().find("--num-layers"), std::string::npos) << error.hint();

  more.resize(1);
  ParameterSet shallower(more);
  error = load_error(shallower);
  EXPECT_NE(std::string(error.what()).find(kBias), std::string::npos) << error.what();
}

TEST_F(CheckpointTest, AnotherOptimizerIsRefusedBeforeAnythingChanges) {
  save(1);
  ParameterSet parameters = make_parameters();
  optim::OptimizerConfig config;
  config.optimizer = "sgd";
  optim::Optimizer sgd(config, parameters);
  const std::string before = bytes_of(parameters, sgd);
  const Error error = load_error(parameters, &sgd);
  EXPECT_NE(std::string(error.what()).find("momentum_buffer"), std::string::npos) << error.what();
  EXPECT_NE(error.hint().find("--optimizer"), std::string::npos) << error.hint();
  EXPECT_EQ(bytes_of(parameters, sgd), before);
}

TEST_F(CheckpointTest, RefusesDamagedTrackers) {
  save(1);
  for (const char* text : {"", "release", "1x", "-1", "99999999999999999999", "2"}) {
    testing::write_file(dir_ / "latest_checkpointed_iteration.txt", text);
    EXPECT_EQ(load_error(parameters_).kind(), ErrorKind::checkpoint) << text;
  }
  testing::write_file(dir_ / "latest_checkpointed_iteration.txt", "1\n");
  EXPECT_EQ(load_state(dir_.path())->iteration, 1);
}

TEST_F(CheckpointTest, RefusesDamagedStates) {
  save(1);
  const fs::path path = dir_ / "iter_0000001" / "state.json";
  const auto good = nlohmann::ordered_json::parse(testing::read_file(path));
  const auto refused = [&](const std::string& text) {
    testing::write_file(path, text);
    return load_error(parameters_).kind() == ErrorKind::checkpoint;
  };
  EXPECT_TRUE(refused(""));
  EXPECT_TRUE(refused("[]"));
  EXPECT_TRUE(refused(good.dump().substr(0, 40)));
  for (const auto& [key, value] : good.items()) {
    auto broken = good;
    broken.erase(key);
    // Older checkpoints have none of these.
    const bool optional = key == "loss_scaler" || key == "schedule" ||
                          key == "skipped_train_samples" ||
                          key == "num_floating_point_operations_so_far";
    EXPECT_NE(refused(broken.dump()), optional) << "without " << key;
    if (key == "model") continue;
    broken = good;
    broken[key] = -1;
    EXPECT_TRUE(refused(broken.dump())) << key << " -1";
    broken[key] = "1";
    EXPECT_TRUE(refused(broken.dump())) << key << " as text";
  }
  auto broken = good;
  broken["iteration"] = 2;
  EXPECT_TRUE(refused(broken.dump())) << "another iteration than the tracker's";
  broken = good;
  broken["format_version"] = 2;
  EXPECT_TRUE(refused(broken.dump())) << "another version";
  EXPECT_FALSE(refused(good.dump()));
}

TEST_F(CheckpointTest, RefusesTruncatedTensors) {
  save(1);
  for (const char* name : {"model.safetensors", "optimizer.safetensors"}) {
    const fs::path path = dir_ / "iter_0000001" / name;
    const std::string whole = testing::read_file(path);
    testing::write_file(path, whole.substr(0, whole.size() - 4));
    EXPECT_EQ(load_error(parameters_, &optimizer_).kind(), ErrorKind::checkpoint) << name;
    testing::write_file(path, whole);
  }
  EXPECT_TRUE(load_model(dir_.path(), parameters_, &optimizer_).has_value());
}

}  // namespace
}  // namespace weft::checkpoint
