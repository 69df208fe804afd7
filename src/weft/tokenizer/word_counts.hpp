#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace weft::tokenizer {

/// How often each piece of the pre-tokenisation occurs, in the order of the pieces' bytes.
struct WordCounts {
  std::vector<std::pair<std::string, int64_t>> words;
  int64_t bytes = 0;  ///< of text read
};

/// What to read and how.
struct WordCountConfig {
  std::vector<std::string> inputs;       ///< files of raw text; "-" is standard input
  int workers = 1;                       ///< threads, >= 1
  size_t block_bytes = size_t{1} << 22;  ///< read at a time; results do not depend on it
  /// Called now and then, by one thread at a time, with the bytes read so far.
  std::function<void(int64_t)> progress{};
};

/// Counts the pieces of all inputs; every file is split on its own, as a whole. The result does not
/// depend on the number of workers. Throws Error{data} for a file that cannot be read.
WordCounts count_words(const WordCountConfig& config);

}  // namespace weft::tokenizer
