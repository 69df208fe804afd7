#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/base/logger.hpp"
#include "weft/tokenizer/tokenizer.hpp"

namespace weft::data {

/// What `weft preprocess` does. Field names are Megatron's flags (reference/megatron.md 1.2).
struct PreprocessConfig {
  std::string input;                           ///< --input, one JSON object a line
  std::vector<std::string> json_keys{"text"};  ///< --json-keys, each gives one pair of files
  std::string output_prefix;                   ///< --output-prefix; _KEY_document is added to it
  bool append_eod = false;                     ///< --append-eod
  int64_t workers = 1;                         ///< --workers, threads that tokenise
  int64_t log_interval = 1000;                 ///< --log-interval, documents between progress lines
};

/// What came out.
struct PreprocessResult {
  int64_t documents = 0;           ///< lines of the input
  int64_t tokens = 0;              ///< of all keys together
  int64_t bytes = 0;               ///< of the input
  std::vector<std::string> files;  ///< .bin and .idx of each key
};

/// Tokenises the input in its order, whatever the number of workers, in bounded memory. The files
/// get their names only when all are complete. Throws Error{usage} for contradictory settings and
/// Error{data} naming file and line for a line that is not an object with the keys.
PreprocessResult preprocess(const PreprocessConfig& config, const tokenizer::Tokenizer& tokenizer,
                            Logger& logger);

}  // namespace weft::data
