#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "apps/weft/commands.hpp"
#include "weft/base/error.hpp"
#include "weft/data/preprocess.hpp"
#include "weft/tokenizer/tokenizer.hpp"

namespace weft::app {

namespace {

struct PreprocessOptions {
  data::PreprocessConfig config;
  tokenizer::TokenizerConfig tokenizer;
  bool split_sentences = false;
  bool keep_newlines = false;
  bool keep_sequential_samples = false;
  std::optional<std::string> lang;
  int64_t partitions = 1;
};

void check_options(const PreprocessOptions& options, Logger& logger) {
  if (options.split_sentences) {
    fail_with_hint(ErrorKind::usage, "lines whose value is a list of sentences",
                   "--split-sentences is refused: it needs NLTK's trained sentence splitter");
  }
  if (options.partitions != 1) {
    fail_with_hint(ErrorKind::usage, "--workers N, which keeps the order of the input",
                   "--partitions {} is refused: weft reads one file with many threads (expected 1)",
                   options.partitions);
  }
  const auto warn = [&logger](bool given, const char* flag, const char* needs) {
    if (given) logger.warn(fmt::format("{} has no effect without {}", flag, needs));
  };
  warn(options.keep_newlines, "--keep-newlines", "--split-sentences");
  warn(options.lang.has_value(), "--lang", "--split-sentences");
  warn(options.keep_sequential_samples, "--keep-sequential-samples", "--partitions");
}

int run(const PreprocessOptions& options, bool json, Logger& logger) {
  check_options(options, logger);
  const auto start = std::chrono::steady_clock::now();
  const auto tokenizer = tokenizer::make_tokenizer(options.tokenizer);
  const data::PreprocessResult result = data::preprocess(options.config, *tokenizer, logger);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (result.documents == 0) logger.warn(fmt::format("{} is empty", options.config.input));
  if (json) {
    const nlohmann::ordered_json object = {{"documents", result.documents},
                                           {"tokens", result.tokens},
                                           {"bytes", result.bytes},
                                           {"seconds", elapsed.count()},
                                           {"files", result.files}};
    logger.result(object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    logger.result(fmt::format("{} documents, {} tokens from {} bytes in {:.1f} s", result.documents,
                              result.tokens, result.bytes, elapsed.count()));
    for (const std::string& file : result.files) logger.result(file);
  }
  return 0;
}

void add_tokenizer_options(Command command, tokenizer::TokenizerConfig& config) {
  command
      .add_option("--tokenizer-type", config.type,
                  "GPT2BPETokenizer, or NullTokenizer for text that is token ids already")
      .capture_default_str()
      .group("Tokenizer");
  command.add_option("--vocab-file", config.vocab_file, "vocab.json of the BPE pair")
      .group("Tokenizer");
  command.add_option("--merge-file", config.merge_file, "merges.txt of the BPE pair")
      .group("Tokenizer");
  command.add_option("--vocab-size", config.vocab_size, "Number of ids, NullTokenizer only")
      .group("Tokenizer");
}

}  // namespace

void add_preprocess(Command app, Program& program) {
  const auto options = std::make_shared<PreprocessOptions>();
  data::PreprocessConfig& config = options->config;
  config.workers = static_cast<int64_t>(std::max(1U, std::thread::hardware_concurrency()));
  const Command command =
      app.add_subcommand("preprocess", "Tokenise JSON lines into .bin and .idx for training");
  command.add_option("--input", config.input, "File with one JSON object a line")
      .required()
      .group("Input");
  command
      .add_option("--json-keys", config.json_keys,
                  "Keys to tokenise: a string or a list of strings; each gives a pair of files")
      .capture_default_str()
      .group("Input");
  command.add_flag("--split-sentences", options->split_sentences, "Refused: needs NLTK")
      .group("Input");
  command.add_flag("--keep-newlines", options->keep_newlines, "Only for --split-sentences")
      .group("Input");
  command.add_option("--lang", options->lang, "Only for --split-sentences").group("Input");
  add_tokenizer_options(command, options->tokenizer);
  command.add_flag("--append-eod", config.append_eod, "End each document with the eod token")
      .group("Tokenizer");
  command
      .add_option("--output-prefix", config.output_prefix,
                  "Files are PREFIX_KEY_document.bin and .idx")
      .required()
      .group("Output");
  command
      .add_option("--workers", config.workers,
                  "Threads that tokenise; any number gives the same files")
      .capture_default_str()
      .group("Runtime");
  command.add_option("--partitions", options->partitions, "Only 1; use --workers")
      .capture_default_str()
      .group("Runtime");
  command
      .add_flag("--keep-sequential-samples", options->keep_sequential_samples,
                "Only for --partitions")
      .group("Runtime");
  command.add_option("--log-interval", config.log_interval, "Documents between progress lines")
      .capture_default_str()
      .group("Runtime");
  command.add_flag("--json", program.json,
                   "Print one object: documents, tokens, bytes (of input), seconds, files");
  command.add_flag("--quiet", program.quiet, "Print results and errors only");
  command.footer(
      "Example:\n  weft preprocess --input news.jsonl --output-prefix data/news --vocab-file "
      "vocab.json --merge-file merges.txt --append-eod --workers 2");
  command.callback([options, &program] {
    program.run = [options, &program](Logger& logger) {
      return run(*options, program.json, logger);
    };
  });
}

}  // namespace weft::app
