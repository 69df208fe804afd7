#pragma once

#include <memory>
#include <string>
#include <vector>

#include "weft/tokenizer/gpt2_bpe_tokenizer.hpp"

namespace weft::testing {

/// GPT-2's vocabulary and merges: the reference's full files, else the cut in
/// tests/data/gpt2-small, which yields the same pieces on the texts of the vector file.
struct Gpt2Pair {
  std::string vocab_file;
  std::string merge_file;
  bool is_full = false;
  std::unique_ptr<tokenizer::Gpt2BpeTokenizer> tokenizer;

  /// Encodes, in GPT-2's own ids.
  std::vector<int> encode(std::string_view text) const;
  /// GPT-2's own ids as those of `tokenizer`.
  std::vector<tokenizer::TokenId> own_ids(const std::vector<int>& gpt2_ids) const;

  std::vector<int> gpt2_ids;  ///< by own id; the identity for the full files
};

/// The pair, read once for all tests.
const Gpt2Pair& gpt2_pair();

/// Uniform random bytes, a fixed function of `seed`.
std::string random_bytes(uint64_t seed, size_t size);

/// Random valid UTF-8 of `num_characters` characters that mixes scripts, white space of every kind,
/// digits, apostrophes and letters of contractions.
std::string random_unicode(uint64_t seed, size_t num_characters);

}  // namespace weft::testing
