#include "weft/data/preprocess.hpp"

#include <chrono>
#include <cstring>
#include <deque>
#include <fstream>
#include <future>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/data/indexed_dataset_builder.hpp"
#include "weft/data/task_pool.hpp"

namespace weft::data {

namespace {

// A task is some lines of the input; few enough that order costs little memory, enough that a
// thread is not woken for each.
constexpr size_t kLinesPerBatch = 32;
constexpr size_t kBytesPerBatch = size_t{256} << 10;
constexpr size_t kBatchesPerWorker = 4;

struct Batch {
  int64_t first_line = 0;  ///< 1-based
  bool ends_in_newline = true;
  std::vector<std::string> lines;
};

/// Tokens of one key of one line: sequences one after another, and their lengths.
struct EncodedDocument {
  std::vector<int32_t> tokens;
  std::vector<int32_t> lengths;
};

struct EncodedBatch {
  std::vector<EncodedDocument> documents;  ///< line by line, in each line key by key
  std::vector<size_t> line_bytes;
};

/// Reads the input in batches; pipes work as files do.
class LineReader {
 public:
  explicit LineReader(const std::string& path) : path_(path), file_(path, std::ios::binary) {
    if (!file_) {
      fail_with_hint(ErrorKind::data, "--input FILE with one JSON object a line",
                     "cannot open {} ({})", path, std::strerror(errno));
    }
  }

  /// The next lines; none at the end.
  Batch next() {
    Batch batch{.first_line = num_lines_ + 1, .lines = {}};
    size_t bytes = 0;
    std::string line;
    while (batch.lines.size() < kLinesPerBatch && bytes < kBytesPerBatch &&
           std::getline(file_, line)) {
      bytes += line.size();
      ++num_lines_;
      batch.ends_in_newline = !file_.eof();
      batch.lines.push_back(std::move(line));
    }
    check(!file_.bad(), ErrorKind::data, "cannot read {} after line {}", path_, num_lines_);
    return batch;
  }

 private:
  std::string path_;
  std::ifstream file_;
  int64_t num_lines_ = 0;
};

class Encoder {
 public:
  Encoder(const PreprocessConfig& config, const tokenizer::Tokenizer& tokenizer)
      : config_(config), tokenizer_(tokenizer) {}

  EncodedBatch encode(const Batch& batch) const {
    EncodedBatch encoded;
    for (size_t i = 0; i < batch.lines.size(); ++i) {
      const int64_t line = batch.first_line + static_cast<int64_t>(i);
      encode_line(batch.lines[i], line, encoded.documents);
      encoded.line_bytes.push_back(batch.lines[i].size() + 1);
    }
    if (!batch.ends_in_newline) --encoded.line_bytes.back();
    return encoded;
  }

 private:
  void encode_line(const std::string& text, int64_t line, std::vector<EncodedDocument>& out) const {
    const std::string where = fmt::format("{}:{}", config_.input, line);
    nlohmann::json object;
    try {
      object = nlohmann::json::parse(text);
    } catch (const nlohmann::json::exception& error) {
      fail(ErrorKind::data, "{} is not JSON ({})", where, error.what());
    }
    check(object.is_object(), ErrorKind::data, "{} holds a JSON {} (expected an object)", where,
          object.type_name());
    for (const std::string& key : config_.json_keys) {
      const auto value = object.find(key);
      if (value == object.end()) {
        fail_with_hint(ErrorKind::data, "--json-keys KEY...", "{} has no key \"{}\"", where, key);
      }
      out.push_back(encode_value(*value, key, where));
    }
  }

  EncodedDocument encode_value(const nlohmann::json& value, const std::string& key,
                               const std::string& where) const {
    EncodedDocument document;
    const auto add = [&](const nlohmann::json& sentence) {
      check(sentence.is_string(), ErrorKind::data,
            "{}: \"{}\" holds a {} (expected a string or a list of strings)", where, key,
            sentence.type_name());
      add_sentence(sentence.get_ref<const std::string&>(), where, document);
    };
    if (value.is_array()) {
      for (const nlohmann::json& sentence : value) add(sentence);
    } else {
      add(value);
    }
    // The end-of-document token belongs to the last sentence; an empty document has none.
    if (config_.append_eod && !document.tokens.empty()) {
      document.tokens.push_back(tokenizer_.eod());
      ++document.lengths.back();
    }
    return document;
  }

  void add_sentence(const std::string& sentence, const std::string& where,
                    EncodedDocument& document) const {
    std::vector<tokenizer::TokenId> ids;
    try {
      ids = tokenizer_.encode(sentence);
    } catch (const Error& error) {
      throw Error(error.kind(), fmt::format("{}: {}", where, error.what()), error.hint());
    }
    if (ids.empty()) return;
    document.tokens.insert(document.tokens.end(), ids.begin(), ids.end());
    document.lengths.push_back(static_cast<int32_t>(ids.size()));
  }

  const PreprocessConfig& config_;
  const tokenizer::Tokenizer& tokenizer_;
};

/// Writes documents to the files of their keys and reports progress in Megatron's words.
class Writer {
 public:
  Writer(const PreprocessConfig& config, TokenType type, Logger& logger)
      : config_(config), logger_(logger) {
    for (const std::string& key : config.json_keys) {
      const std::string prefix = fmt::format("{}_{}_document", config.output_prefix, key);
      builders_.push_back(std::make_unique<IndexedDatasetBuilder>(prefix, type));
      result_.files.push_back(prefix + ".bin");
      result_.files.push_back(prefix + ".idx");
    }
  }

  void write(const EncodedBatch& batch) {
    size_t at = 0;
    for (const size_t bytes : batch.line_bytes) {
      for (const auto& builder : builders_) {
        const EncodedDocument& document = batch.documents[at++];
        builder->add_document(document.tokens, document.lengths);
        result_.tokens += static_cast<int64_t>(document.tokens.size());
      }
      result_.bytes += static_cast<int64_t>(bytes);
      if (++result_.documents % config_.log_interval == 0) report();
    }
  }

  PreprocessResult finish() {
    for (const auto& builder : builders_) builder->complete();
    for (const auto& builder : builders_) builder->finalize();
    return result_;
  }

 private:
  void report() {
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start_;
    const double seconds = elapsed.count();
    logger_.info(fmt::format("Processed {} documents ({} docs/s, {} MB/s).", result_.documents,
                             static_cast<double>(result_.documents) / seconds,
                             static_cast<double>(result_.bytes) / seconds / 1024 / 1024));
  }

  const PreprocessConfig& config_;
  Logger& logger_;
  std::vector<std::unique_ptr<IndexedDatasetBuilder>> builders_;
  PreprocessResult result_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void check_config(const PreprocessConfig& config) {
  check(config.workers >= 1 && config.workers <= 1024, ErrorKind::usage,
        "--workers is {} (expected 1 to 1024)", config.workers);
  check(config.log_interval >= 1, ErrorKind::usage, "--log-interval is {} (expected at least 1)",
        config.log_interval);
  check(!config.json_keys.empty(), ErrorKind::usage, "--json-keys names no key");
  check(!config.output_prefix.empty(), ErrorKind::usage, "--output-prefix is empty");
  std::set<std::string> keys;
  for (const std::string& key : config.json_keys) {
    check(keys.insert(key).second, ErrorKind::usage,
          "--json-keys names \"{}\" twice; both would write the same files", key);
  }
}

}  // namespace

PreprocessResult preprocess(const PreprocessConfig& config, const tokenizer::Tokenizer& tokenizer,
                            Logger& logger) {
  check_config(config);
  LineReader reader(config.input);
  logger.info("Opening " + config.input);
  Writer writer(config, token_type_for(tokenizer.vocab_size()), logger);
  const Encoder encoder(config, tokenizer);
  TaskPool<EncodedBatch> pool(config.workers);
  std::deque<std::future<EncodedBatch>> pending;
  const auto write_oldest = [&] {
    // Taken out of the queue first: when it throws, the pool still owns what the others need.
    std::future<EncodedBatch> oldest = std::move(pending.front());
    pending.pop_front();
    writer.write(oldest.get());
  };
  for (Batch batch = reader.next(); !batch.lines.empty(); batch = reader.next()) {
    if (pending.size() >= kBatchesPerWorker * static_cast<size_t>(config.workers)) write_oldest();
    pending.push_back(
        pool.submit([&encoder, lines = std::move(batch)] { return encoder.encode(lines); }));
  }
  while (!pending.empty()) write_oldest();
  return writer.finish();
}

}  // namespace weft::data
