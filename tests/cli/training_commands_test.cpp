// From raw text to generated text with the real program, and what happens to bad input on the way.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "support/temp_dir.hpp"

namespace weft::testing {
namespace {

/// A tokenizer and a data set made by the program from a few sentences, once for all tests.
class TrainingCommands : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new TempDir();
    std::string text;
    std::string lines;
    for (int i = 0; i < 300; ++i) {
      const std::string sentence =
          fmt::format("The {} cat number {} sat on the {} mat.", i % 3 == 0 ? "old" : "young",
                      i % 50, i % 2 == 0 ? "red" : "green");
      text += sentence + "\n";
      lines += nlohmann::json{{"text", sentence}}.dump() + "\n";
    }
    write_file(*dir_ / "text.txt", text);
    write_file(*dir_ / "text.jsonl", lines);
    expect_success(fmt::format("tokenizer train --input {} --vocab-size 300 --output {} --quiet",
                               path("text.txt"), path("tokenizer")));
    expect_success(
        fmt::format("preprocess --input {} --output-prefix {} {} --append-eod "
                    "--workers 1 --quiet",
                    path("text.jsonl"), path("data"), tokenizer_flags()));
  }

  static void TearDownTestSuite() {
    delete dir_;
    dir_ = nullptr;
  }

  static std::string path(const std::string& name) { return (*dir_ / name).string(); }

  static std::string tokenizer_flags() {
    return fmt::format(
        "--tokenizer-type GPT2BPETokenizer --vocab-file {}/vocab.json --merge-file "
        "{}/merges.txt",
        path("tokenizer"), path("tokenizer"));
  }

  static std::string pretrain(const std::string& more) {
    return fmt::format(
        "pretrain --num-layers 2 --hidden-size 32 --num-attention-heads 4 --seq-length 32 "
        "--max-position-embeddings 32 --micro-batch-size 4 --global-batch-size 8 --lr 1e-2 "
        "--train-iters 20 --eval-iters 1 --eval-interval 10 --log-interval 10 --split 8,1,1 "
        "--data-path {}_text_document {} --threads-per-rank 1 {}",
        path("data"), tokenizer_flags(), more);
  }

  static CommandResult weft(const std::string& arguments) {
    return run_command(std::string(WEFT_BINARY) + " " + arguments);
  }

  static void expect_success(const std::string& arguments) {
    const CommandResult result = weft(arguments);
    ASSERT_EQ(result.exit_code, 0) << arguments << "\n" << result.err;
  }

  /// Runs a command that must fail with `code` and one error block that holds `part`.
  static void expect_failure(const std::string& arguments, int code, const std::string& part) {
    const CommandResult result = weft(arguments);
    EXPECT_EQ(result.exit_code, code) << arguments << "\n" << result.err;
    const std::string lines = "\n" + result.err;
    EXPECT_NE(lines.find("\nerror: "), std::string::npos) << result.err;
    EXPECT_EQ(lines.find("\nerror: "), lines.rfind("\nerror: ")) << result.err;
    EXPECT_NE(result.err.find(part), std::string::npos) << result.err;
  }

  static std::vector<std::string> losses(const std::string& metrics) {
    std::vector<std::string> all;
    std::istringstream lines(read_file(metrics));
    for (std::string line; std::getline(lines, line);) {
      all.push_back(nlohmann::json::parse(line).at("lm_loss").dump());
    }
    return all;
  }

  static TempDir* dir_;
};

TempDir* TrainingCommands::dir_ = nullptr;

TEST_F(TrainingCommands, TrainTwiceWithEqualBitsAndGenerate) {
  expect_success(pretrain("--quiet --metrics-file " + path("a.jsonl")));
  expect_success(pretrain("--quiet --metrics-file " + path("b.jsonl") + " --save " + path("model") +
                          " --save-interval 20"));
  const auto first = losses(path("a.jsonl"));
  EXPECT_EQ(first.size(), 20u + 2u + 2u);
  EXPECT_EQ(first, losses(path("b.jsonl")));
  EXPECT_LT(std::stod(first.back()), 0.8 * std::stod(first.front()));

  const std::string generate =
      "generate --json --prompt 'The old cat' --max-tokens 12 --seed 5 --load " + path("model");
  const auto text = nlohmann::json::parse(weft(generate).out);
  EXPECT_EQ(text.at("text").get<std::string>().rfind("The old cat", 0), 0u);
  EXPECT_LE(text.at("tokens").get<int>(), 12);
  EXPECT_GT(text.at("tokens_per_s").get<double>(), 0.0);
  EXPECT_EQ(nlohmann::json::parse(weft(generate).out).at("token_ids"), text.at("token_ids"));
}

TEST_F(TrainingCommands, AThreadLimitOfTheEnvironmentChangesNoBits) {
  expect_success(pretrain("--quiet --metrics-file " + path("free.jsonl")));
  const std::string limited =
      pretrain("--quiet --threads-per-rank 2 --metrics-file " + path("limited.jsonl"));
  ASSERT_EQ(run_command("OMP_THREAD_LIMIT=1 " + std::string(WEFT_BINARY) + " " + limited).exit_code,
            0);
  EXPECT_EQ(losses(path("limited.jsonl")), losses(path("free.jsonl")));
}

// The signal goes to the program as a batch system sends it; the run goes on where it stopped.
TEST_F(TrainingCommands, ASignalSavesTheRunAndAsksForAnotherStart) {
  const std::string model = path("signalled");
  const std::string arguments =
      pretrain("--quiet --exit-signal-handler --save-interval 1000000 --save " + model +
               " --load " + model + " --lr-decay-iters 20 ");
  const std::string endless = arguments + "--train-iters 20000 --eval-interval 20000";
  const CommandResult stopped = run_command("timeout --preserve-status --signal=TERM 4 " +
                                            std::string(WEFT_BINARY) + " " + endless);
  ASSERT_EQ(stopped.exit_code, 75) << stopped.err;
  EXPECT_NE(stopped.out.find("[exiting program after receiving SIGTERM.]"), std::string::npos);
  EXPECT_NE(stopped.out.find("successfully saved checkpoint from iteration"), std::string::npos);
  const CommandResult again = weft(endless + " --exit-interval 1");
  EXPECT_EQ(again.exit_code, 0) << again.err;
  EXPECT_NE(again.out.find("successfully loaded checkpoint from " + model), std::string::npos);
}

TEST_F(TrainingCommands, ProgressIsPlainLinesOnAPipeAndQuietHasNone) {
  const CommandResult loud = weft(pretrain(""));
  EXPECT_NE(loud.err.find("iteration 20/20 | loss "), std::string::npos) << loud.err;
  EXPECT_EQ(loud.err.find('\r'), std::string::npos);
  EXPECT_EQ(loud.err.find('\x1b'), std::string::npos);
  const CommandResult quiet = weft(pretrain("--quiet"));
  EXPECT_EQ(quiet.err, "");
}

TEST_F(TrainingCommands, BadInputEndsWithOneErrorAndItsExitCode) {
  expect_failure(pretrain("--seq-length 64"), 2, "max_position_embeddings");
  expect_failure(pretrain("--global-batch-size 6"), 2, "is not divisible by");
  expect_failure(pretrain("--train-samples 100"), 2, "--train-samples");
  expect_failure(pretrain("--data-path /nonexistent/data"), 3, "cannot be found");
  expect_failure(pretrain("--lr 1e30 --clip-grad 0"), 7, "finite");
  std::filesystem::create_directories(path("damaged"));
  write_file(path("damaged/latest_checkpointed_iteration.txt"), "soon");
  expect_failure(pretrain("--load " + path("damaged")), 4, "latest_checkpointed_iteration.txt");
  expect_failure(pretrain("--hidden-size 400000 --num-attention-heads 4000"), 5, "MB");
  expect_failure("generate --load " + path("nothing"), 4, "no checkpoint");
}

TEST_F(TrainingCommands, DryRunChecksTheDataAndTouchesNothing) {
  const CommandResult result = weft(pretrain("--dry-run --data-cache-path " + path("dry-cache")));
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_NE(result.out.find("data_text_document: 300 documents, "), std::string::npos);
  EXPECT_NE(result.out.find("    train:      160"), std::string::npos);
  EXPECT_NE(result.out.find("Theoretical memory footprints"), std::string::npos);
  EXPECT_FALSE(std::filesystem::exists(path("dry-cache")));
  expect_failure(pretrain("--dry-run --data-path /nonexistent/data"), 3, "cannot be found");
}

TEST_F(TrainingCommands, DataOfAnotherVocabularyIsADataError) {
  write_file(path("ids.jsonl"), "{\"text\": \"900 901 902 903\"}\n");
  expect_success(
      fmt::format("preprocess --input {} --output-prefix {} --tokenizer-type "
                  "NullTokenizer --vocab-size 1000 --workers 1 --quiet",
                  path("ids.jsonl"), path("large")));
  expect_failure(
      pretrain("--split 1,0,0 --eval-iters 0 --data-path " + path("large_text_document")), 3,
      "the model's vocabulary has");
}

TEST_F(TrainingCommands, ACorruptIndexIsADataError) {
  const std::string whole = read_file(path("data_text_document.idx"));
  write_file(path("cut.bin"), read_file(path("data_text_document.bin")));
  write_file(path("cut.idx"), whole.substr(0, whole.size() / 2));
  expect_failure(pretrain("--data-path " + path("cut")), 3, "cut.idx");
}

TEST_F(TrainingCommands, AnUnwritableCacheNamesItsFlag) {
  write_file(path("file"), "");
  expect_failure(pretrain("--data-cache-path " + path("file") + "/cache"), 3, "--data-cache-path");
}

TEST_F(TrainingCommands, GenerateRefusesBadSampling) {
  expect_success(pretrain("--quiet --save " + path("small") + " --save-interval 20"));
  const std::string generate = "generate --load " + path("small");
  expect_failure(generate + " --temperature -1", 2, "--temperature");
  expect_failure(generate + " --max-tokens 0", 2, "--max-tokens");
  std::string prompt;
  for (int i = 0; i < 100; ++i) prompt += " cat";
  expect_failure(generate + " --prompt '" + prompt + "'", 2, "positions");
  expect_failure(generate + " --vocab-file /nonexistent.json", 3, "/nonexistent.json");
}

}  // namespace
}  // namespace weft::testing
