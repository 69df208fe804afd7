#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "apps/weft/commands.hpp"
#include "weft/base/error.hpp"
#include "weft/data/build_datasets.hpp"
#include "weft/data/indexed_dataset.hpp"
#include "weft/data/indexed_dataset_builder.hpp"
#include "weft/tokenizer/tokenizer.hpp"

namespace weft::app {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

/// Tokens that inspect shows of a sequence.
constexpr int64_t kShownTokens = 20;

std::string dump(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string joined(const std::vector<int64_t>& values) {
  std::string text;
  for (const int64_t value : values) {
    if (!text.empty()) text += ' ';
    text += std::to_string(value);
  }
  return text;
}

struct InspectOptions {
  std::string prefix;
  int64_t limit = 3;
  tokenizer::TokenizerConfig tokenizer;
};

bool holds_token_ids(data::TokenType type) {
  return type != data::TokenType::float32 && type != data::TokenType::float64;
}

/// The first tokens of a sequence and, with a tokenizer, their text.
Json first_tokens(const data::IndexedDataset& dataset, int64_t sequence,
                  const tokenizer::Tokenizer* tokenizer) {
  std::vector<int64_t> tokens(
      static_cast<size_t>(std::min(dataset.length(sequence), kShownTokens)));
  dataset.read(sequence, 0, tokens);
  Json shown = {{"sequence", sequence}, {"length", dataset.length(sequence)}, {"tokens", tokens}};
  if (tokenizer == nullptr) return shown;
  std::vector<tokenizer::TokenId> ids;
  for (const int64_t token : tokens) {
    check(token >= 0 && token < tokenizer->vocab_size(), ErrorKind::data,
          "sequence {} of {} holds token {} (expected 0 to {})", sequence, dataset.prefix(), token,
          tokenizer->vocab_size() - 1);
    ids.push_back(static_cast<tokenizer::TokenId>(token));
  }
  shown["text"] = tokenizer->decode(ids);
  return shown;
}

int run_inspect(const InspectOptions& options, bool json, Logger& logger) {
  check(options.limit >= 0, ErrorKind::usage, "--limit is {} (expected 0 or more)", options.limit);
  const data::IndexedDataset dataset(options.prefix);
  const bool decodes =
      !options.tokenizer.vocab_file.empty() || !options.tokenizer.merge_file.empty();
  const auto tokenizer = decodes ? tokenizer::make_tokenizer(options.tokenizer) : nullptr;
  const int64_t shown =
      holds_token_ids(dataset.token_type()) ? std::min(options.limit, dataset.num_sequences()) : 0;
  Json first = Json::array();
  for (int64_t i = 0; i < shown; ++i) first.push_back(first_tokens(dataset, i, tokenizer.get()));
  if (json) {
    logger.result(dump({{"dtype", data::name(dataset.token_type())},
                        {"sequences", dataset.num_sequences()},
                        {"documents", dataset.num_documents()},
                        {"tokens", dataset.num_tokens()},
                        {"longest", dataset.longest()},
                        {"multimodal", dataset.has_modes()},
                        {"first", first}}));
    return 0;
  }
  logger.result(fmt::format("{}: {} documents, {} sequences, {} tokens of type {}, longest {}",
                            options.prefix, dataset.num_documents(), dataset.num_sequences(),
                            dataset.num_tokens(), data::name(dataset.token_type()),
                            dataset.longest()));
  for (const Json& entry : first) {
    logger.result(fmt::format("sequence {} ({} tokens): {}", entry["sequence"].get<int64_t>(),
                              entry["length"].get<int64_t>(),
                              joined(entry["tokens"].get<std::vector<int64_t>>())));
    if (entry.contains("text")) logger.result("  " + dump(entry["text"]));
  }
  return 0;
}

void add_inspect(Command parent, Program& program) {
  const auto options = std::make_shared<InspectOptions>();
  const Command command =
      parent.add_subcommand("inspect", "Counts, lengths and first tokens of a dataset");
  command.add_option("PREFIX", options->prefix, "Path without .bin or .idx").required();
  command.add_option("--limit", options->limit, "Sequences whose first 20 tokens are shown")
      .capture_default_str();
  command.add_option("--vocab-file", options->tokenizer.vocab_file, "Decode with this vocab.json");
  command.add_option("--merge-file", options->tokenizer.merge_file, "Decode with this merges.txt");
  command.add_flag("--json", program.json,
                   "One object: dtype, sequences, documents, tokens, longest, multimodal, first");
  command.footer("Example:\n  weft data inspect data/news_text_document --limit 5");
  command.callback([options, &program] {
    program.run = [options, &program](Logger& logger) {
      return run_inspect(*options, program.json, logger);
    };
  });
}

struct MergeOptions {
  std::string input;
  std::string output_prefix;
  bool multimodal = false;
};

/// Prefixes of the pairs in a directory, sorted by name.
std::vector<std::string> prefixes_in(const std::string& directory) {
  std::error_code error;
  std::set<std::string> prefixes;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    const auto extension = entry.path().extension();
    if (extension != ".bin" && extension != ".idx") continue;
    const std::string prefix = fs::path(entry.path()).replace_extension().string();
    check(data::indexed_dataset_exists(prefix), ErrorKind::data, "{} has no {} beside it",
          entry.path().string(), extension == ".bin" ? ".idx" : ".bin");
    prefixes.insert(prefix);
  }
  check(!error, ErrorKind::data, "cannot read the directory {} ({})", directory, error.message());
  if (prefixes.empty()) {
    fail_with_hint(ErrorKind::data, "--input DIR with .bin and .idx files", "no dataset in {}",
                   directory);
  }
  return {prefixes.begin(), prefixes.end()};
}

int run_merge(const MergeOptions& options, bool json, Logger& logger) {
  const std::vector<std::string> prefixes = prefixes_in(options.input);
  const auto output = fs::weakly_canonical(options.output_prefix);
  for (const std::string& prefix : prefixes) {
    check(fs::weakly_canonical(prefix) != output, ErrorKind::usage,
          "--output-prefix {} is one of the datasets to merge", options.output_prefix);
  }
  const data::TokenType type = data::IndexedDataset(prefixes.front()).token_type();
  data::IndexedDatasetBuilder builder(options.output_prefix, type, options.multimodal);
  int64_t sequences = 0;
  for (const std::string& prefix : prefixes) {
    const data::IndexedDataset dataset(prefix);
    builder.add_dataset(dataset);
    sequences += dataset.num_sequences();
    logger.info(fmt::format("{}: {} documents", prefix, dataset.num_documents()));
  }
  builder.finalize();
  if (json) {
    logger.result(
        dump({{"datasets", prefixes.size()},
              {"documents", builder.num_documents()},
              {"sequences", sequences},
              {"tokens", builder.num_tokens()},
              {"files", {options.output_prefix + ".bin", options.output_prefix + ".idx"}}}));
  } else {
    logger.result(fmt::format("{} documents, {} tokens from {} datasets in {}",
                              builder.num_documents(), builder.num_tokens(), prefixes.size(),
                              options.output_prefix));
  }
  return 0;
}

void add_merge(Command parent, Program& program) {
  const auto options = std::make_shared<MergeOptions>();
  const Command command =
      parent.add_subcommand("merge", "Concatenate the datasets of a directory, sorted by name");
  command.add_option("--input", options->input, "Directory with .bin and .idx files").required();
  command.add_option("--output-prefix", options->output_prefix, "Path without .bin or .idx")
      .required();
  command.add_flag("--multimodal", options->multimodal, "The datasets have mode bytes");
  command.add_flag("--json", program.json,
                   "One object: datasets, documents, sequences, tokens, files");
  command.add_flag("--quiet", program.quiet, "Print results and errors only");
  command.footer("Example:\n  weft data merge --input shards --output-prefix data/all");
  command.callback([options, &program] {
    program.run = [options, &program](Logger& logger) {
      return run_merge(*options, program.json, logger);
    };
  });
}

struct SampleOptions {
  data::DataConfig data;
  tokenizer::TokenizerConfig tokenizer;
  std::vector<int64_t> indices;
  int64_t train_samples = 0;
  std::optional<int64_t> eval_samples;
  bool valid = false;
  bool test = false;
};

/// Stands in where no tokenizer is named: samples need one only for the end-of-document token.
class NoTokenizer final : public tokenizer::Tokenizer {
 public:
  std::vector<tokenizer::TokenId> encode(std::string_view) const override { return {}; }
  std::string decode(std::span<const tokenizer::TokenId>) const override { return {}; }
  int64_t vocab_size() const override { return 0; }
  tokenizer::TokenId eod() const override { return -1; }
};

std::unique_ptr<tokenizer::Tokenizer> sample_tokenizer(const SampleOptions& options) {
  const tokenizer::TokenizerConfig& config = options.tokenizer;
  const bool named =
      !config.vocab_file.empty() || !config.merge_file.empty() || config.type == "NullTokenizer";
  const bool needed =
      options.data.eod_mask_loss || options.data.reset_position_ids || options.data.mock_data;
  if (named || needed) return tokenizer::make_tokenizer(config);
  return std::make_unique<NoTokenizer>();
}

int run_sample(const SampleOptions& options, bool json, Logger& logger) {
  check(!options.valid || !options.test, ErrorKind::usage, "--valid and --test exclude each other");
  const bool train = !options.valid && !options.test;
  const int64_t wanted =
      train ? options.train_samples : options.eval_samples.value_or(options.train_samples);
  check(wanted >= 1, ErrorKind::usage, "{} is {} (expected at least 1)",
        !train && options.eval_samples ? "--eval-samples" : "--train-samples", wanted);
  const auto tokenizer = sample_tokenizer(options);
  const data::Datasets datasets = data::build_datasets(options.data,
                                                       {.train = train ? wanted : 0,
                                                        .valid = options.valid ? wanted : 0,
                                                        .test = options.test ? wanted : 0},
                                                       *tokenizer, options.tokenizer, logger);
  const auto& dataset = train ? datasets.train : options.valid ? datasets.valid : datasets.test;
  check(dataset != nullptr, ErrorKind::data, "the data has no {} split (--split {})",
        train           ? "train"
        : options.valid ? "valid"
                        : "test",
        options.data.split);
  const auto length = static_cast<size_t>(options.data.sequence_length);
  std::vector<int64_t> tokens(length), labels(length), positions(length);
  std::vector<float> loss_mask(length);
  for (const int64_t index : options.indices) {
    dataset->read(index, {tokens, labels, positions, loss_mask});
    Json spans = Json::array();
    for (const data::SampleSpan& span : dataset->spans(index)) {
      spans.push_back(Json::array({span.sequence, span.offset, span.num_tokens}));
    }
    if (json) {
      logger.result(dump({{"index", index},
                          {"tokens", tokens},
                          {"labels", labels},
                          {"document_spans", spans},
                          {"position_ids", positions},
                          {"loss_mask", loss_mask}}));
      continue;
    }
    logger.result(fmt::format("sample {} of {}, spans {}", index, dataset->size(), dump(spans)));
    logger.result("  tokens " + joined(tokens));
    logger.result("  labels " + joined(labels));
  }
  return 0;
}

void add_sample_data_options(Command command, SampleOptions& options) {
  data::DataConfig& data = options.data;
  const auto paths = [&](const char* flag, std::vector<std::string>& words, const char* help) {
    command.add_option(flag, words, help).group("Data");
  };
  paths("--data-path", data.data_path, "PREFIX, or WEIGHT PREFIX pairs");
  paths("--train-data-path", data.train_data_path, "Instead of --data-path and --split");
  paths("--valid-data-path", data.valid_data_path, "Instead of --data-path and --split");
  paths("--test-data-path", data.test_data_path, "Instead of --data-path and --split");
  command.add_flag("--mock-data", data.mock_data, "Made-up documents; needs a tokenizer")
      .group("Data");
  command.add_option("--split", data.split, "Weights of train, valid, test; default 969, 30, 1")
      .group("Data");
  command
      .add_option("--data-cache-path", data.data_cache_path,
                  "Directory for the indices; default PREFIX/cache/GPTDataset_indices")
      .group("Data");
  command.add_option("--seed", data.seed, "Seed of the training run")
      .capture_default_str()
      .group("Data");
  command.add_option("--seq-length", data.sequence_length, "Tokens per sample")
      .required()
      .group("Data");
  command.add_flag("--reset-position-ids", data.reset_position_ids, "Restart positions after eod")
      .group("Data");
  command.add_flag("--eod-mask-loss", data.eod_mask_loss, "No loss where the input is eod")
      .group("Data");
}

void add_sample(Command parent, Program& program) {
  const auto options = std::make_shared<SampleOptions>();
  const Command command =
      parent.add_subcommand("sample", "Training samples as the trainer sees them");
  command.add_option("--index", options->indices, "Samples to show, K1,K2,...")
      .required()
      .delimiter(',');
  command.add_option("--train-samples", options->train_samples,
                     "Samples of the training run (train iterations times global batch size)");
  command.add_option("--eval-samples", options->eval_samples,
                     "Samples of the validation or test split, as the run asks for them: "
                     "(train iterations / eval interval + 1) * eval iterations * batch size, or "
                     "eval iterations * batch size; default --train-samples");
  command.add_flag("--valid", options->valid, "From the validation split");
  command.add_flag("--test", options->test, "From the test split");
  add_sample_data_options(command, *options);
  command.add_option("--tokenizer-type", options->tokenizer.type).capture_default_str();
  command.add_option("--vocab-file", options->tokenizer.vocab_file,
                     "Names the cache as training does, and tells the eod token");
  command.add_option("--merge-file", options->tokenizer.merge_file, "As --vocab-file");
  command.add_option("--vocab-size", options->tokenizer.vocab_size, "NullTokenizer only");
  command.add_flag("--json", program.json,
                   "JSON Lines: index, tokens, labels, document_spans ([sequence, first token, "
                   "count]), position_ids, loss_mask");
  command.footer(
      "Example:\n  weft data sample --data-path data/news_text_document --split 949,50,1 "
      "--seq-length 64 --train-samples 320 --index 0,1 --json");
  command.callback([options, &program] {
    program.run = [options, &program](Logger& logger) {
      return run_sample(*options, program.json, logger);
    };
  });
}

}  // namespace

void add_data(Command app, Program& program) {
  const Command command = app.add_subcommand("data", "Look into, merge and sample datasets");
  command.require_one_subcommand();
  add_inspect(command, program);
  add_merge(command, program);
  add_sample(command, program);
}

}  // namespace weft::app
