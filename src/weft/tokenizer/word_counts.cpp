#include "weft/tokenizer/word_counts.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <string_view>
#include <thread>
#include <unordered_map>

#include "weft/base/error.hpp"
#include "weft/tokenizer/pre_splitter.hpp"

namespace weft::tokenizer {

namespace {

struct StringHash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using CountMap = std::unordered_map<std::string, int64_t, StringHash, std::equal_to<>>;

struct CloseFile {
  void operator()(std::FILE* file) const {
    if (file != stdin) std::fclose(file);
  }
};

/// Hands out the inputs in blocks that end at safe cuts, so that blocks can be split apart.
class BlockReader {
 public:
  explicit BlockReader(const WordCountConfig& config) : config_(config) {}

  /// The next block, or false at the end of the last input. Safe from several threads.
  bool next(std::string& block) {
    const std::lock_guard lock(mutex_);
    while (file_ != nullptr || open_next()) {
      if (read_block(block)) {
        bytes_ += static_cast<int64_t>(block.size());
        if (config_.progress) config_.progress(bytes_);
        return true;
      }
      file_.reset();
    }
    return false;
  }

  int64_t bytes() const { return bytes_; }

 private:
  bool open_next() {
    if (next_input_ == config_.inputs.size()) return false;
    path_ = config_.inputs[next_input_++];
    file_.reset(path_ == "-" ? stdin : std::fopen(path_.c_str(), "rbe"));
    check(file_ != nullptr, ErrorKind::data, "cannot open {} ({})", path_, std::strerror(errno));
    return true;
  }

  /// Reads until there is a safe cut or the file ends; the rest stays for the next block.
  bool read_block(std::string& block) {
    block = std::move(rest_);
    rest_.clear();
    for (size_t searched = 0;;) {
      const size_t old_size = block.size();
      block.resize(old_size + config_.block_bytes);
      const size_t num_read =
          std::fread(block.data() + old_size, 1, config_.block_bytes, file_.get());
      block.resize(old_size + num_read);
      check(std::ferror(file_.get()) == 0, ErrorKind::data, "cannot read {} ({})", path_,
            std::strerror(errno));
      if (num_read == 0) return !block.empty();
      for (size_t cut = block.size(); cut-- > searched + 1;) {
        if (!is_safe_cut(block, cut)) continue;
        rest_ = block.substr(cut);
        block.resize(cut);
        return true;
      }
      searched = block.size() - 1;
    }
  }

  const WordCountConfig& config_;
  std::mutex mutex_;
  size_t next_input_ = 0;
  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::string rest_;
  int64_t bytes_ = 0;
};

void count_block(const PreSplitter& splitter, std::string_view block, CountMap& counts) {
  for (size_t begin = 0; begin < block.size();) {
    const size_t end = splitter.piece_end(block, begin);
    const std::string_view word = block.substr(begin, end - begin);
    const auto found = counts.find(word);
    if (found != counts.end()) {
      ++found->second;
    } else {
      counts.emplace(word, 1);
    }
    begin = end;
  }
}

/// What one thread counted, or why it stopped.
struct WorkerResult {
  CountMap counts;
  std::exception_ptr error;
};

}  // namespace

WordCounts count_words(const WordCountConfig& config) {
  check(config.workers >= 1, ErrorKind::usage, "--workers is {}, expected at least 1",
        config.workers);
  const PreSplitter splitter;
  BlockReader reader(config);
  std::vector<WorkerResult> results(static_cast<size_t>(config.workers));
  {
    std::vector<std::jthread> threads;
    for (WorkerResult& result : results) {
      threads.emplace_back([&result, &reader, &splitter] {
        try {
          for (std::string block; reader.next(block);) count_block(splitter, block, result.counts);
        } catch (...) {
          result.error = std::current_exception();
        }
      });
    }
  }
  CountMap& total = results.front().counts;
  for (WorkerResult& result : results) {
    if (result.error) std::rethrow_exception(result.error);
    if (&result.counts == &total) continue;
    for (const auto& [word, count] : result.counts) total[word] += count;
    result.counts.clear();
  }
  WordCounts counts{.words = {total.begin(), total.end()}, .bytes = reader.bytes()};
  std::ranges::sort(counts.words);
  return counts;
}

}  // namespace weft::tokenizer
