#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "apps/weft/commands.hpp"
#include "weft/base/error.hpp"
#include "weft/tokenizer/bpe_trainer.hpp"
#include "weft/tokenizer/character_classes.hpp"
#include "weft/tokenizer/gpt2_bpe_tokenizer.hpp"

namespace weft::app {

namespace {

using tokenizer::TokenId;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

/// Lets a message through every two seconds at most.
class Pace {
 public:
  bool due() {
    if (seconds_since(last_) < 2.0) return false;
    last_ = std::chrono::steady_clock::now();
    return true;
  }

 private:
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

struct TrainOptions {
  std::vector<std::string> inputs;
  std::string output;
  int64_t vocab_size = 0;
  int64_t min_frequency = 2;
  int workers = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
};

int run_train(const TrainOptions& options, bool json, Logger& logger) {
  check(options.vocab_size >= tokenizer::kMinVocabSize, ErrorKind::usage,
        "--vocab-size is {}, expected at least {} (256 bytes and <|endoftext|>)",
        options.vocab_size, tokenizer::kMinVocabSize);
  const auto start = std::chrono::steady_clock::now();
  Pace pace;
  const auto counts = tokenizer::count_words(
      {.inputs = options.inputs, .workers = options.workers, .progress = [&](int64_t bytes) {
         if (pace.due()) logger.info(fmt::format("counted words in {} MB", bytes / 1'000'000));
       }});
  check(!counts.words.empty(), ErrorKind::data, "no text in {} (got 0 bytes)",
        options.inputs.size() == 1 ? options.inputs.front() : "any input file");
  logger.info(
      fmt::format("counted {} different words in {} bytes", counts.words.size(), counts.bytes));
  const auto bpe = tokenizer::train_bpe(
      counts, {.vocab_size = options.vocab_size,
               .min_frequency = options.min_frequency,
               .progress = [&](int64_t size) {
                 if (!pace.due()) return;
                 logger.info(fmt::format("{} of {} tokens", size, options.vocab_size));
               }});
  if (bpe.vocab_size() < options.vocab_size) {
    logger.warn(
        fmt::format("the text yields {} tokens, {} were asked for; give more text or a "
                    "lower --min-frequency",
                    bpe.vocab_size(), options.vocab_size));
  }
  const auto files = tokenizer::write_bpe(bpe, options.output);
  const double seconds = seconds_since(start);
  if (json) {
    const nlohmann::ordered_json result = {
        {"vocab_size", bpe.vocab_size()},
        {"merges", bpe.merges.size()},
        {"bytes", counts.bytes},
        {"seconds", seconds},
        {"files", {files.vocab.string(), files.merges.string()}}};
    logger.result(result.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  } else {
    logger.result(fmt::format("{} tokens from {} merges over {} bytes in {:.1f} s",
                              bpe.vocab_size(), bpe.merges.size(), counts.bytes, seconds));
    logger.result(files.vocab.string());
    logger.result(files.merges.string());
  }
  return 0;
}

struct CodecOptions {
  std::string vocab_file;
  std::string merge_file;
  std::string input;  ///< empty or "-": standard input

  tokenizer::Gpt2BpeTokenizer load() const { return {vocab_file, merge_file}; }
};

/// Calls line(text, number) for each line of the input, without its newline; numbers start at 1.
template <typename Line>
void for_each_line(const std::string& input, Line line) {
  std::ifstream file;
  const bool from_stdin = input.empty() || input == "-";
  if (!from_stdin) file.open(input, std::ios::binary);
  std::istream& in = from_stdin ? std::cin : file;
  const std::string name = from_stdin ? "standard input" : input;
  check(in.good(), ErrorKind::data, "cannot open {}", name);
  int64_t number = 0;
  for (std::string text; std::getline(in, text);) line(text, ++number);
  check(!in.bad(), ErrorKind::data, "cannot read {} (after line {})", name, number);
}

std::string joined(const std::vector<TokenId>& ids, char separator) {
  std::string text;
  for (const TokenId id : ids) {
    if (!text.empty()) text += separator;
    text += std::to_string(id);
  }
  return text;
}

int run_encode(const CodecOptions& options, bool json, Logger& logger) {
  const auto tokenizer = options.load();
  for_each_line(options.input, [&](const std::string& text, int64_t) {
    const std::vector<TokenId> ids = tokenizer.encode(text);
    const std::string list = joined(ids, json ? ',' : ' ');
    logger.result(json ? "[" + list + "]" : list);
  });
  return 0;
}

/// The ids of one line: numbers separated by blanks or commas, brackets of a JSON array allowed.
std::vector<TokenId> parse_ids(const std::string& text, int64_t line) {
  constexpr const char* kSeparators = " \t\r,[]";
  std::vector<TokenId> ids;
  for (size_t begin = text.find_first_not_of(kSeparators); begin != std::string::npos;) {
    const size_t end = std::min(text.find_first_of(kSeparators, begin), text.size());
    TokenId id = 0;
    const auto [rest, error] = std::from_chars(text.data() + begin, text.data() + end, id);
    check(error == std::errc() && rest == text.data() + end, ErrorKind::data,
          "line {}: '{}' is not a token id", line,
          text.substr(begin, std::min<size_t>(end - begin, 40)));
    ids.push_back(id);
    begin = text.find_first_not_of(kSeparators, end);
  }
  return ids;
}

int run_decode(const CodecOptions& options, bool json, Logger& logger) {
  const auto tokenizer = options.load();
  for_each_line(options.input, [&](const std::string& text, int64_t line) {
    // Exact bytes, so that what encode read comes out again even where it was not UTF-8.
    const std::string decoded = tokenizer.decode_bytes(parse_ids(text, line));
    const auto quoted = [&] {
      return nlohmann::json(decoded).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
    };
    logger.result(json ? quoted() : decoded);
  });
  return 0;
}

void add_output_flags(Command command, Program& program, const char* json_help) {
  command.add_flag("--json", program.json, json_help);
  command.add_flag("--quiet", program.quiet, "Print results and errors only");
}

void add_train(Command parent, Program& program) {
  const auto options = std::make_shared<TrainOptions>();
  const Command command =
      parent.add_subcommand("train", "Learn vocab.json and merges.txt from raw text");
  command
      .add_option("--input", options->inputs,
                  "Text files, each split on its own; - is standard input")
      .required();
  command
      .add_option("--vocab-size", options->vocab_size,
                  "Tokens to learn, the 256 bytes and <|endoftext|> included")
      .required();
  command.add_option("--output", options->output, "Directory for the two files; made if needed")
      .required();
  command
      .add_option("--min-frequency", options->min_frequency, "Do not merge pairs rarer than this")
      .capture_default_str();
  command
      .add_option("--workers", options->workers,
                  "Threads that count words; any number gives "
                  "the same result")
      .capture_default_str();
  add_output_flags(command, program, "Print one object: vocab_size, merges, bytes, seconds, files");
  command.footer(
      "Example:\n  weft tokenizer train --input book.txt --vocab-size 8192 --output run/bpe");
  command.callback([options, &program] {
    program.run = [options, &program](Logger& logger) {
      return run_train(*options, program.json, logger);
    };
  });
}

using CodecRun = int (*)(const CodecOptions&, bool, Logger&);

Command add_codec(Command parent, Program& program, const char* name, const char* help,
                  CodecRun run) {
  const auto options = std::make_shared<CodecOptions>();
  const Command command = parent.add_subcommand(name, help);
  command.add_option("--vocab-file", options->vocab_file, "vocab.json of the pair").required();
  command.add_option("--merge-file", options->merge_file, "merges.txt of the pair").required();
  command.add_option("FILE", options->input, "Lines to read; standard input without it");
  command.callback([options, run, &program] {
    program.run = [options, run, &program](Logger& logger) {
      return run(*options, program.json, logger);
    };
  });
  return command;
}

}  // namespace

void add_tokenizer(Command app, Program& program) {
  const Command command = app.add_subcommand(
      "tokenizer", "Train a byte-level BPE, turn text into token ids and ids into text");
  command.require_one_subcommand();
  command.footer("Letters, numbers and white space by Unicode " + tokenizer::unicode_version() +
                 ".\nExample:\n  echo 'Hello world' | weft tokenizer encode --vocab-file "
                 "vocab.json --merge-file merges.txt");
  add_train(command, program);
  const Command encode =
      add_codec(command, program, "encode", "Token ids of each line of text, separated by spaces",
                run_encode);
  add_output_flags(encode, program, "Print one JSON array of ids per line");
  const Command decode = add_codec(command, program, "decode",
                                   "Text of each line of token ids, byte for byte", run_decode);
  add_output_flags(decode, program, "Print one JSON string per line");
}

}  // namespace weft::app
