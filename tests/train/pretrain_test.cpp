#include "weft/train/pretrain.hpp"

#include <gtest/gtest.h>

#include <limits>

#include "train/training_run.hpp"
#include "weft/base/error.hpp"
#include "weft/checkpoint/train_state.hpp"
#include "weft/train/console_lines.hpp"
#include "weft/train/option_spec.hpp"
#include "weft/train/text_generator.hpp"

namespace weft::train {
namespace {

using testing::run_pretrain;
using testing::RunOutput;
using testing::small_llama_run;
using testing::small_run;
using testing::TempDir;

ErrorKind kind_of_failure(const TrainConfig& config) {
  try {
    run_pretrain(config);
  } catch (const Error& error) {
    EXPECT_FALSE(error.hint().empty()) << error.what();
    return error.kind();
  }
  ADD_FAILURE() << "nothing was thrown";
  return ErrorKind::internal;
}

TEST(Pretrain, TheSameCommandGivesTheSameBits) {
  const RunOutput first = run_pretrain(small_run());
  const RunOutput second = run_pretrain(small_run());
  ASSERT_EQ(first.metrics.size(), 6u + 2u + 2u);  // iterations, evaluations within and at the end
  EXPECT_EQ(first.numbers(), second.numbers());
  EXPECT_LT(first.metrics[6].at("lm_loss"), first.metrics[0].at("lm_loss"));
}

TEST(Pretrain, ThreadsDoNotChangeTheBits) {
  TrainConfig config = small_run();
  const RunOutput one = run_pretrain(config);
  config.threads_per_rank = 3;
  EXPECT_EQ(run_pretrain(config).numbers(), one.numbers());
}

TEST(Pretrain, MicrobatchesOfAnIterationAreAccumulated) {
  TrainConfig config = small_run();
  config.model.hidden_dropout = config.model.attention_dropout = 0.0;
  const auto accumulated = run_pretrain(config).numbers();
  config.micro_batch_size = config.global_batch_size;
  const auto at_once = run_pretrain(config).numbers();
  ASSERT_EQ(accumulated.size(), at_once.size());
  for (size_t i = 0; i < at_once.size(); ++i) EXPECT_NEAR(accumulated[i], at_once[i], 2e-4);
}

TEST(Pretrain, AResumedRunEqualsTheUninterruptedOne) {
  const TempDir dir;
  TrainConfig config = small_run();
  const auto whole = run_pretrain(config).numbers(4);

  config.save = (dir / "model").string();
  config.save_interval = 3;
  config.exit_interval = 3;
  EXPECT_TRUE(run_pretrain(config).printed("exiting program at iteration 3"));
  config.load = config.save;
  config.exit_interval.reset();
  const RunOutput resumed = run_pretrain(config);
  EXPECT_TRUE(resumed.printed("successfully loaded checkpoint from " + config.load));
  EXPECT_EQ(resumed.numbers(4), whole);
}

TEST(Pretrain, ALlamaTrainsResumesAndGenerates) {
  const TempDir dir;
  TrainConfig config = small_llama_run();
  const RunOutput whole = run_pretrain(config);
  EXPECT_LT(whole.metrics[6].at("lm_loss"), whole.metrics[0].at("lm_loss"));
  model::ModelConfig built = config.model;
  built.vocab_size = 4096;
  EXPECT_TRUE(whole.printed(parameter_count_line(0, 0, built.num_parameters())));
  config.threads_per_rank = 3;
  EXPECT_EQ(run_pretrain(config).numbers(), whole.numbers());

  config.save = (dir / "model").string();
  config.save_interval = 3;
  config.exit_interval = 3;
  run_pretrain(config);
  config.load = config.save;
  config.exit_interval.reset();
  EXPECT_EQ(run_pretrain(config).numbers(4), whole.numbers(4));

  const TextGenerator generator(config.save, "", "");
  const GeneratedText text = generator.generate("5 6 7", 1000, {.temperature = 0.0}, {});
  EXPECT_EQ(text.text, generator.generate("5 6 7", 1000, {.temperature = 0.0}, {}).text);
  EXPECT_FALSE(text.tokens.empty());
}

TEST(Pretrain, PrintsMegatronsLines) {
  const RunOutput output = run_pretrain(small_run());
  EXPECT_TRUE(output.printed("> building NullTokenizer tokenizer ..."));
  EXPECT_TRUE(output.printed(" > padded vocab (size: 4096) with 0 dummy tokens (new size: 4096)"));
  EXPECT_TRUE(output.printed("    train:      24"));
  EXPECT_TRUE(output.printed("    validation: 12"));
  EXPECT_TRUE(output.printed("    test:       4"));
  EXPECT_TRUE(output.printed(" iteration        1/       6 | consumed samples:            4 |"));
  EXPECT_TRUE(output.printed("Theoretical memory footprints: weight and optimizer="));
  EXPECT_TRUE(output.printed("[Rank 0] (after 1 iterations) memory (MB) | allocated: "));
  EXPECT_TRUE(output.printed(" validation loss at iteration 3 | lm loss value: "));
  EXPECT_TRUE(
      output.printed(" validation loss at iteration 6 on validation set | lm loss value: "));
  EXPECT_TRUE(output.printed(" validation loss at iteration 6 on test set | lm loss value: "));
}

TEST(Pretrain, TimersAreAsManyAsTheirLevelSays) {
  TrainConfig config = small_run();
  config.train_iters = 2;
  config.eval_iters = 0;
  EXPECT_FALSE(run_pretrain(config).printed("    forward-backward ..."));
  config.timing_log_level = 1;
  const RunOutput parts = run_pretrain(config);
  EXPECT_TRUE(parts.printed("(min, max) time across ranks (ms):"));
  EXPECT_TRUE(parts.printed("    forward-backward ....................."));
  EXPECT_TRUE(parts.printed("    optimizer ......................"));
  EXPECT_FALSE(parts.printed("batch-generator"));
  config.timing_log_level = 2;
  config.timing_option = TimingOption::all;
  const RunOutput everything = run_pretrain(config);
  EXPECT_TRUE(everything.printed("times across ranks (ms):"));
  EXPECT_TRUE(everything.printed("  batch-generator:"));
  EXPECT_TRUE(everything.printed("     rank  0: "));
  EXPECT_EQ(everything.numbers(), parts.numbers());
}

TEST(Pretrain, DryRunTrainsNothing) {
  const TempDir dir;
  TrainConfig config = small_run();
  config.dry_run = true;
  config.save = (dir / "model").string();
  config.save_interval = 1;
  const RunOutput output = run_pretrain(config);
  EXPECT_TRUE(output.metrics.empty());
  EXPECT_TRUE(
      output.printed("number of parameters on (tensor, pipeline) model parallel rank (0, 0)"));
  EXPECT_TRUE(output.printed("Planned memory (MB): parameters="));
  EXPECT_TRUE(output.printed("    train:      24"));
  EXPECT_FALSE(output.printed("training ..."));
  EXPECT_FALSE(std::filesystem::exists(config.save));
}

TEST(Pretrain, ADecoupledRateOfTheCommonValueChangesNothingAndAnotherOneDoes) {
  TrainConfig config = small_run();
  const auto common = run_pretrain(config).numbers();
  config.schedule.decoupled_lr = config.schedule.lr;
  EXPECT_EQ(run_pretrain(config).numbers(), common);
  config.schedule.decoupled_lr = 0.1 * config.schedule.lr;
  EXPECT_NE(run_pretrain(config).numbers(), common);
}

TEST(Pretrain, DocumentsAreKeptApartTogetherWithTheirPositionsAndLosses) {
  const TempDir dir;
  TrainConfig config = small_run();
  config.sequence_length = config.data.sequence_length = 256;
  config.model.max_position_embeddings = 256;
  // Mock documents have 1 to 4095 tokens: some samples hold the end of one.
  const auto joined = run_pretrain(config).numbers();
  config.model.reset_attention_mask = true;
  const auto apart = run_pretrain(config).numbers();
  EXPECT_NE(apart, joined);
  config.data.reset_position_ids = config.data.eod_mask_loss = true;
  const auto all = run_pretrain(config).numbers(4);
  config.model.recompute.granularity = model::RecomputeGranularity::selective;
  EXPECT_EQ(run_pretrain(config).numbers(4), all);
  config.save = (dir / "model").string();
  config.save_interval = config.exit_interval = 3;
  run_pretrain(config);
  config.load = config.save;
  config.exit_interval.reset();
  EXPECT_EQ(run_pretrain(config).numbers(4), all);
}

TEST(Pretrain, ProgressIsLoggedBesideTheCheckpoints) {
  const TempDir dir;
  TrainConfig config = small_run();
  config.eval_iters = 0;
  config.save = (dir / "model").string();
  config.save_interval = 3;
  config.exit_interval = 3;
  config.log_progress = true;
  config.job_id = "42";
  run_pretrain(config);
  config.load = config.save;
  config.exit_interval.reset();
  run_pretrain(config);
  const std::string text = testing::read_file(dir / "model" / "progress.txt");
  const auto lines = split_words(text, '\n');
  ASSERT_EQ(lines.size(), 4U) << text;
  EXPECT_TRUE(lines[0].ends_with("\tJob ID: 42\t# GPUs: 1\tStarting job"));
  EXPECT_TRUE(lines[1].find("\tSaved checkpoint\tIteration: 3\tJob throughput: ") !=
              std::string_view::npos);
  EXPECT_TRUE(lines[2].ends_with("\tStarting job"));
  EXPECT_TRUE(lines[3].ends_with("\tTokens (in billions): 0.00"));
  // What was counted before the first save is counted again after the second.
  const auto operations = [](const std::string& save, int64_t iteration) {
    return checkpoint::load_state(save, iteration)->floating_point_operations;
  };
  EXPECT_GT(operations(config.save, 3), 0.0);
  EXPECT_DOUBLE_EQ(operations(config.save, 6), 2.0 * operations(config.save, 3));
}

TEST(Pretrain, SkipTrainEvaluatesTheInitialModel) {
  TrainConfig config = small_run();
  config.skip_train = true;
  const RunOutput output = run_pretrain(config);
  EXPECT_TRUE(output.printed("skipping training (--skip-train is on) ..."));
  EXPECT_TRUE(output.printed(" validation loss at iteration 0 on validation set"));
  ASSERT_EQ(output.metrics.size(), 2u);
  EXPECT_NEAR(output.metrics[0].at("lm_loss").get<double>(), std::log(4096.0), 0.1);
}

TEST(Pretrain, ExitDurationSavesAndStops) {
  const TempDir dir;
  TrainConfig config = small_run();
  config.save = (dir / "model").string();
  config.save_interval = 1000;
  config.exit_duration_minutes = 0.0;
  const RunOutput output = run_pretrain(config);
  EXPECT_EQ(output.metrics.size(), 1u);
  EXPECT_TRUE(output.printed("[exiting program after "));
  EXPECT_EQ(checkpoint::latest_iteration(config.save), 1);
}

TEST(Pretrain, ANonFiniteLossStopsWithANumericError) {
  TrainConfig config = small_run();
  config.schedule.lr = std::numeric_limits<float>::max();
  config.optimizer.clip_grad = 0.0;
  EXPECT_EQ(kind_of_failure(config), ErrorKind::numeric);
}

TEST(Pretrain, WithoutTheCheckNonFiniteIterationsAreSkippedAndCounted) {
  TrainConfig config = small_run();
  config.schedule.lr = std::numeric_limits<float>::max();
  config.check_for_nan = false;
  config.eval_iters = 0;
  const RunOutput output = run_pretrain(config);
  EXPECT_EQ(output.metrics.size(), 6u);
  EXPECT_TRUE(
      output.printed("number of skipped iterations:   1 | number of nan iterations:   1 |"));
}

TEST(Pretrain, ACheckpointOfAnotherModelIsRefusedByName) {
  const TempDir dir;
  TrainConfig config = small_run();
  config.save = (dir / "model").string();
  config.save_interval = 6;
  run_pretrain(config);
  config.load = config.save;
  config.save.clear();
  config.model.ffn_hidden_size = 64;
  try {
    run_pretrain(config);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
    EXPECT_STREQ(error.what(),
                 "ffn_hidden_size value from checkpoint (128) is not equal to the input argument "
                 "value (64).");
  }
}

TEST(Pretrain, AMissingCheckpointStartsFromRandom) {
  const TempDir dir;
  TrainConfig config = small_run();
  config.load = (dir / "nothing").string();
  config.train_iters = 1;
  EXPECT_TRUE(
      run_pretrain(config).printed("will not load any checkpoints and will start from random"));
}

TEST(Pretrain, MissingDataIsADataErrorBeforeTheModelIsBuilt) {
  TrainConfig config = small_run();
  config.data.mock_data = false;
  config.data.data_path = {"nowhere/at_all"};
  EXPECT_EQ(kind_of_failure(config), ErrorKind::data);
  config.data.data_path.clear();
  EXPECT_EQ(kind_of_failure(config), ErrorKind::usage);
}

TEST(Pretrain, AModelLargerThanTheMachineIsADeviceError) {
  TrainConfig config = small_run();
  config.model.hidden_size = int64_t{1} << 20;
  EXPECT_EQ(kind_of_failure(config), ErrorKind::device);
}

TEST(Pretrain, ATrainedModelGeneratesTheSameTextForTheSameSeed) {
  const TempDir dir;
  TrainConfig config = small_run();
  config.save = (dir / "model").string();
  config.save_interval = 6;
  run_pretrain(config);
  const TextGenerator generator(config.save, "", "");
  const model::SamplingConfig sampling{.temperature = 1.0, .top_k = 50, .top_p = 0.9, .seed = 3};
  std::string streamed;
  const GeneratedText first =
      generator.generate("5 6 7", 20, sampling, [&](std::string_view text) { streamed += text; });
  const GeneratedText second = generator.generate("5 6 7", 20, sampling, {});
  EXPECT_EQ(first.text, second.text);
  EXPECT_EQ(first.tokens, second.tokens);
  EXPECT_EQ("5 6 7" + streamed, first.text);
  EXPECT_LE(first.tokens.size(), 20u);
  // The sequence ends where the model has no more positions: 3 + 29 tokens, and one more drawn.
  const GeneratedText longest = generator.generate("5 6 7", 1000, {.temperature = 0.0}, {});
  EXPECT_LE(longest.tokens.size(), 30u);
  EXPECT_THROW(TextGenerator(dir / "nothing", "", ""), Error);
}

}  // namespace
}  // namespace weft::train
