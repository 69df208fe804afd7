#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "weft/tokenizer/merge_table.hpp"
#include "weft/tokenizer/word_counts.hpp"

namespace weft::tokenizer {

/// Smallest vocabulary: the 256 bytes and `<|endoftext|>`.
inline constexpr int64_t kMinVocabSize = 257;

/// How many tokens to learn, and from how rare pairs.
struct BpeTrainerConfig {
  int64_t vocab_size = 0;     ///< --vocab-size, >= 257
  int64_t min_frequency = 2;  ///< --min-frequency, >= 1: rarer pairs are not merged
  /// Called now and then with the size of the vocabulary so far.
  std::function<void(int64_t)> progress{};
};

/// A learnt pair of vocab.json and merges.txt, as bytes.
struct TrainedBpe {
  /// By id: the 256 bytes in GPT-2's order, then the products of the merges in the order in which
  /// they first appear. `<|endoftext|>` follows as the last id.
  std::vector<std::string> pieces;
  MergeList merges;  ///< by rank

  int64_t vocab_size() const { return static_cast<int64_t>(pieces.size()) + 1; }
};

/// Byte-pair encoding (Sennrich et al. 2016) over words: merges the most frequent adjacent pair
/// until the vocabulary is full or no pair is frequent enough. Of equally frequent pairs the one
/// with the smaller left id wins, then the smaller right id; that is also the rule of Hugging
/// Face's `tokenizers`. A function of its arguments only. Throws Error{usage} for a bad size.
TrainedBpe train_bpe(const WordCounts& counts, const BpeTrainerConfig& config);

/// The two files of a pair.
struct BpeFiles {
  std::filesystem::path vocab;   ///< DIR/vocab.json
  std::filesystem::path merges;  ///< DIR/merges.txt
};

/// Writes the pair into `directory`, which is made if needed, in the format that GPT-2's readers
/// and `tokenizers` load. Each file appears under its name only when both are complete. Throws
/// Error{data}.
BpeFiles write_bpe(const TrainedBpe& bpe, const std::filesystem::path& directory);

}  // namespace weft::tokenizer
