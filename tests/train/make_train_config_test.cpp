#include "weft/train/make_train_config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "weft/train/option_rules.hpp"
#include "weft/train/option_status.hpp"

namespace weft::train {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  return words;
}

constexpr const char* kBase =
    "--num-layers 2 --hidden-size 32 --num-attention-heads 4 --seq-length 16 "
    "--max-position-embeddings 16 --micro-batch-size 2 --lr 1e-3 --train-iters 10 "
    "--data-path data --vocab-file v.json --merge-file m.txt ";

PreparedRun prepare(const std::string& extra) { return prepare_run({words_of(kBase + extra), {}}); }

// What the user reads, or an empty text when the options are accepted.
std::string refusal(const std::string& words) {
  try {
    prepare_run({words_of(words), {}});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return std::string(error.what()) + "; try " + error.hint();
  }
  return "";
}

std::string refusal_of(const std::string& extra) { return refusal(kBase + extra); }

TEST(MakeTrainConfig, DerivesWhatIsNotGiven) {
  const PreparedRun run = prepare("");
  EXPECT_EQ(run.config.model.ffn_hidden_size, 128);
  EXPECT_EQ(run.config.model.kv_channels, 8);
  EXPECT_EQ(run.config.global_batch_size, 2);
  EXPECT_EQ(run.config.dataloader_type, "single");
  EXPECT_EQ(run.config.tokenizer.type, "GPT2BPETokenizer");
  EXPECT_EQ(run.config.schedule.lr_decay_samples, 20.0);
  EXPECT_EQ(run.config.schedule.weight_decay_incr_samples, 20.0);
  EXPECT_EQ(run.config.schedule.start_weight_decay, 0.01);
  EXPECT_EQ(run.config.schedule.end_weight_decay, 0.01);
  EXPECT_TRUE(run.config.model.validate().empty());
  const std::vector<std::string> notices = {
      "using world size: 1, data-parallel size: 1, context-parallel size: 1, hierarchical "
      "context-parallel sizes: Nonetensor-model-parallel size: 1, encoder-tensor-model-parallel "
      "size: 0, pipeline-model-parallel size: 1, encoder-pipeline-model-parallel size: 0",
      "setting global batch size to 2", "Number of virtual stages per pipeline stage: None",
      "using torch.float32 for parameters ..."};
  EXPECT_EQ(run.options.notices, notices);
  EXPECT_EQ(run.options.argument_block.size(), 467U);
}

TEST(MakeTrainConfig, LayerScalingOfScoresIsAcceptedAndForcesTheSoftmaxToFp32) {
  const PreparedRun run = prepare("--fp16 --apply-query-key-layer-scaling");
  EXPECT_THAT(run.options.warnings,
              Contains(HasSubstr("--apply-query-key-layer-scaling has no effect: scores never")));
  EXPECT_THAT(run.options.argument_block,
              Contains(::testing::MatchesRegex("  attention_softmax_in_fp32 \\.+ True")));
}

TEST(MakeTrainConfig, MissingOptionsAreListedTogether) {
  const std::string text = refusal("--optimizer adam");
  for (const char* name : {"num_layers", "hidden_size", "num_attention_heads",
                           "max_position_embeddings", "seq_length", "micro_batch_size", "lr"}) {
    EXPECT_THAT(text, HasSubstr(std::string(name) + " argument is None"));
  }
  EXPECT_THAT(text, HasSubstr("either train-iters or train-samples should be provided."));
  EXPECT_THAT(text, HasSubstr("--data-path PREFIX"));
}

TEST(MakeTrainConfig, AMalformedValueIsReportedOnce) {
  const std::string text = refusal_of("--lr fast");
  EXPECT_THAT(text, HasSubstr("--lr has a wrong value (got fast, expected a number)"));
  EXPECT_THAT(text, ::testing::Not(HasSubstr("lr argument is None")));
}

TEST(MakeTrainConfig, BrokenRulesNameWhatWasFoundAndTheFlag) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--max-position-embeddings 8",
       "max_position_embeddings (8) must be greater than or equal to seq_length (16)."},
      {"--num-attention-heads 5", "got 32 and 5"},
      {"--min-lr 0.5", "--min-lr is above --lr (got 0.5, expected at most 0.001)"},
      {"--lr -1", "--lr is out of range (got -1.0, expected at least 0)"},
      {"--lr nan", "--lr is out of range (got nan"},
      {"--lr-warmup-init 1", "--lr-warmup-init is above --lr"},
      {"--lr-warmup-iters 10", "the warm-up is not shorter than the decay (got 10 and 10"},
      {"--lr-warmup-fraction 1", "--lr-warmup-fraction is out of range"},
      {"--lr-warmup-fraction 0.1 --lr-warmup-iters 2",
       "can only specify one of lr-warmup-fraction and lr-warmup-iters"},
      {"--train-samples 100", "expected iteration-based training"},
      {"--lr-decay-samples 100", "expected iteration-based learning rate decay"},
      {"--lr-warmup-samples 100", "expected iteration-based learning rate warmup"},
      {"--lr-decay-style WSD", "the WSD schedule has no last part"},
      {"--global-batch-size 3",
       "global batch size (3) is not divisible by micro batch size (2) times data parallel size "
       "(1)"},
      {"--micro-batch-size 0", "--micro-batch-size is out of range (got 0, expected at least 1)"},
      {"--save dir", "--save has no interval"},
      {"--split 1,2,3,4", "--split is malformed (got 1,2,3,4"},
      {"--split 0,0", "--split is malformed"},
      {"--split 1.2.3", "--split is malformed"},
      {"--mock-data", "A single data source must be provided"},
      {"--train-data-path x", "A single data source must be provided"},
      {"--tokenizer-type Llama2Tokenizer", "got Llama2Tokenizer"},
      {"--tokenizer-type NullTokenizer", "NullTokenizer has no vocabulary"},
      {"--dataloader-type external", "got external"},
      {"--start-weight-decay 0.1", "a constant weight decay has no ends"},
      {"--weight-decay-incr-style linear", "a weight decay ramp needs both ends"},
      {"--weight-decay-incr-style linear --start-weight-decay 0.2 --end-weight-decay 0.1",
       "the weight decay ramp falls (got 0.2 to 0.1"},
      {"--adam-beta2 1", "--adam-beta2 is out of range"},
      {"--hidden-dropout 1", "--hidden-dropout is out of range"},
      {"--decoupled-lr -1", "--decoupled-lr is out of range (got -1.0, expected at least 0)"},
      {"--decoupled-min-lr 0.1", "--decoupled-min-lr does nothing without --decoupled-lr (got 0.1"},
      {"--decoupled-lr 0.1 --decoupled-min-lr 0.2",
       "--decoupled-min-lr is above --decoupled-lr (got 0.2, expected at most 0.1)"},
      {"--min-lr 1e-4 --decoupled-lr 1e-5",
       "--min-lr, which --decoupled-min-lr follows, is above --decoupled-lr"},
      {"--fp32-residual-connection",
       "residual connection in fp32 only supported when using fp16 or bf16."},
      {"--log-progress", "--log-progress has no directory (got no --save"},
      {"--use-checkpoint-args", "--use-checkpoint-args requires --load argument (got no --load)"},
      {"--no-initialization", "--no-initialization leaves the model without weights"},
      {"--seed 0", "--seed is out of range"},
      {"--log-interval 0", "--log-interval is out of range"},
      {"--tensorboard-log-interval 0",
       "--tensorboard-log-interval is out of range (got 0, expected at least 1)"},
      {"--tensorboard-queue-size 0",
       "--tensorboard-queue-size is out of range (got 0, expected at least 1)"},
      {"--encoder-num-layers 2", "cannot have both num-layers and encoder-num-layers specified"},
      {"--world-size 2 --global-batch-size 6",
       "global batch size (6) is not divisible by micro batch size (2) times data parallel size "
       "(2)"},
      {"--group-query-attention --num-query-groups 3",
       "--num-query-groups does not divide the attention heads (got 3 groups of 4 heads"},
      {"--group-query-attention --num-query-groups 0",
       "--num-query-groups is out of range (got 0, expected at least 1)"},
      {"--num-query-groups 2",
       "--num-query-groups does nothing without --group-query-attention (got 2"},
      {"--swiglu --squared-relu", "--squared-relu and --swiglu contradict each other"},
      {"--position-embedding-type mrope", "got --position-embedding-type mrope, expected"},
      {"--position-embedding-type relative", "got --position-embedding-type relative, expected"},
      {"--no-position-embedding",
       "--no-position-embedding is deprecated, use --position-embedding-type"},
      {"--position-embedding-type rope --rotary-percent 0", "--rotary-percent is out of range"},
      {"--position-embedding-type rope --rotary-percent nan", "--rotary-percent is out of range"},
      {"--position-embedding-type rope --rotary-percent 0.4",
       "--rotary-percent 0.4 of heads of 8 channels turns 3 of them (expected an even number)"},
      {"--use-rotary-position-embeddings --kv-channels 5",
       "--rotary-percent 1.0 of heads of 5 channels turns 5 of them"},
      {"--position-embedding-type rope --rotary-base 0",
       "--rotary-base is out of range (got 0, expected at least 1)"},
      {"--position-embedding-type rope --rotary-seq-len-interpolation-factor 0",
       "--rotary-seq-len-interpolation-factor is out of range"},
      {"--position-embedding-type rope --use-rope-scaling --rope-scaling-factor 0",
       "--rope-scaling-factor is out of range (got 0.0, expected more than 0)"},
      {"--kv-channels 257", "the heads are too wide"},
      {"--normalization BatchNorm", "got BatchNorm"},
      {"--model gpt5", "--model has a wrong value (got gpt5"},
  };
  for (const auto& [extra, expected] : cases) {
    EXPECT_THAT(refusal_of(extra), HasSubstr(expected)) << extra;
  }
}

TEST(MakeTrainConfig, ContradictoryParallelSizesPrintTheirEquation) {
  const std::string text =
      refusal_of("--world-size 10 --tensor-model-parallel-size 2 --pipeline-model-parallel-size 4");
  EXPECT_THAT(text, HasSubstr("world size 10 is not divisible by tp 2 x pp 4 x cp 1 = 8 (10 / 8 = "
                              "1.25); try --world-size 8 or 16, or another"));
  EXPECT_THAT(text, HasSubstr("num_layers 2 is not divisible by pp 4 (2 / 4 = 0.5)"));
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"--tensor-model-parallel-size 0",
       "--tensor-model-parallel-size is out of range (got 0, expected at least 1)"},
      {"--tensor-model-parallel-size 8",
       "num_attention_heads (4) must be a multiple of tensor_model_parallel_size (8). (4 / 8 = "
       "0.5)"},
      {"--context-parallel-size 3",
       "seq-length should be a multiple of 2 * context-parallel-size if context-parallel-size > 1. "
       "(seq_length 16, 2 x cp 3 = 6: 16 / 6 = 2.6666...)"},
      {"--pipeline-model-parallel-size 2 --decoder-first-pipeline-num-layers 2",
       "first 2 layers leave none of num_layers 2 to the other 1 of pp 2 ranks"},
      {"--expert-model-parallel-size 2",
       "world size 1 is not divisible by expert tp 1 x ep 2 x pp 1 = 2 (1 / 2 = 0.5)"},
      {"--num-virtual-stages-per-pipeline-rank 2",
       "When interleaved schedule is used, pipeline-model-parallel size should be greater than 1"},
  };
  for (const auto& [extra, expected] : cases) {
    EXPECT_THAT(refusal_of(extra), HasSubstr(expected)) << extra;
  }
  EXPECT_THAT(refusal_of("--pipeline-model-parallel-size 2 --world-size 8 --global-batch-size 4"),
              HasSubstr("global batch size (4) is not divisible by micro batch size (2) times data "
                        "parallel size (4)"));
}

TEST(MakeTrainConfig, SampleBasedRunsRefuseIterationOptions) {
  const std::string base =
      "--num-layers 2 --hidden-size 32 --num-attention-heads 4 --seq-length 16 "
      "--max-position-embeddings 16 --micro-batch-size 2 --lr 1e-3 --train-samples 100 "
      "--data-path data --vocab-file v.json --merge-file m.txt ";
  EXPECT_EQ(refusal(base), "");
  EXPECT_THAT(refusal(base + "--lr-decay-iters 5"),
              HasSubstr("expected sample-based learning rate decay"));
  EXPECT_THAT(refusal(base + "--lr-warmup-iters 5"),
              HasSubstr("expected sample-based learnig rate warmup"));
  EXPECT_THAT(refusal(base + "--lr-warmup-fraction .1 --lr-warmup-samples 5"),
              HasSubstr("can only specify one of lr-warmup-fraction and lr-warmup-samples"));
}

TEST(MakeTrainConfig, PerSplitPathsTakeNoSplit) {
  EXPECT_THAT(refusal("--num-layers 2 --hidden-size 32 --num-attention-heads 4 --seq-length 16 "
                      "--max-position-embeddings 16 --micro-batch-size 2 --lr 1e-3 "
                      "--train-iters 10 --train-data-path t --split 9,1 --vocab-file v "
                      "--merge-file m"),
              HasSubstr("--split and per-split paths contradict each other"));
}

TEST(MakeTrainConfig, HugeSizesAreProblemsNotOverflows) {
  EXPECT_NE(refusal_of("--tensor-model-parallel-size 9223372036854775807 "
                       "--pipeline-model-parallel-size 9223372036854775807"),
            "");
  EXPECT_NE(refusal_of("--hidden-size 9223372036854775807"), "");
  EXPECT_NE(refusal_of("--micro-batch-size -9223372036854775808"), "");
}

TEST(OptionStatus, RefusedAndUnfinishedOptionsSayWhy) {
  EXPECT_THAT(refusal_of("--decoder-num-layers 2"),
              HasSubstr("weft does not take --decoder-num-layers: encoder-decoder models are not "
                        "supported (got 2, expected None); try --num-layers"));
  EXPECT_THAT(refusal_of("--multi-latent-attention"),
              HasSubstr("weft does not do --multi-latent-attention yet"));
  EXPECT_THAT(refusal_of("--grad-reduce-in-bf16"), HasSubstr("gradient buffers are always fp32"));
  EXPECT_THAT(
      refusal_of("--batch-size 4"),
      HasSubstr("--batch-size argument is no longer valid, use --micro-batch-size instead"));
  EXPECT_THAT(refusal_of("--warmup 4"), HasSubstr("use --lr-warmup-fraction instead"));
  EXPECT_THAT(
      refusal_of("--model-parallel-size 4"),
      HasSubstr("--model-parallel-size is no longer valid, use --tensor-model-parallel-size"));
  EXPECT_THAT(refusal_of("--checkpoint-activations"),
              HasSubstr("use --recompute-activations, or,"));
}

TEST(OptionStatus, DefaultsOfUnfinishedOptionsAreAccepted) {
  EXPECT_EQ(refusal_of("--tensor-model-parallel-size 1 --loss-scale-window 1000 "
                       "--normalization LayerNorm --ckpt-format torch_dist"),
            "");
}

TEST(OptionStatus, OptionsWithoutEffectAreWarnedAboutOnce) {
  const PreparedRun run = prepare("--num-workers 8 --use-mcore-models --manual-gc");
  EXPECT_EQ(run.options.warnings.size(), 3U);
  EXPECT_THAT(run.options.warnings,
              Contains("--num-workers has no effect: samples are read as they are needed"));
}

TEST(OptionStatus, CurvesWithoutADirectoryAreWarnedAbout) {
  const std::string flags = "--log-timers-to-tensorboard --log-world-size-to-tensorboard";
  EXPECT_THAT(
      prepare(flags).options.warnings,
      ElementsAre("--log-timers-to-tensorboard has no effect: there is no --tensorboard-dir",
                  "--log-world-size-to-tensorboard has no effect: there is no --tensorboard-dir"));
  EXPECT_THAT(prepare(flags + " --tensorboard-dir curves").options.warnings, ElementsAre());
}

TEST(OptionRules, SplitsAreReadAsMegatronReadsThem) {
  EXPECT_EQ(parse_split("949,50,1"), (std::vector<double>{949.0, 50.0, 1.0}));
  EXPECT_EQ(parse_split("0.9, .1"), (std::vector<double>{0.9, 0.1}));
  EXPECT_EQ(parse_split("100"), (std::vector<double>{100.0}));
  EXPECT_FALSE(parse_split("").has_value());
  EXPECT_FALSE(parse_split("none").has_value());
  EXPECT_FALSE(parse_split("1,-1").has_value());
}

}  // namespace
}  // namespace weft::train
