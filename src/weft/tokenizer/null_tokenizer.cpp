#include "weft/tokenizer/null_tokenizer.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include "weft/base/error.hpp"

namespace weft::tokenizer {

NullTokenizer::NullTokenizer(int64_t num_ids) : num_ids_(num_ids) {
  constexpr int64_t kLimit = std::numeric_limits<TokenId>::max() - 1;
  if (num_ids < 1 || num_ids > kLimit) {
    fail_with_hint(ErrorKind::usage, "--vocab-size 32000",
                   "NullTokenizer needs --vocab-size (got {}, expected 1..{})", num_ids, kLimit);
  }
}

std::vector<TokenId> NullTokenizer::encode(std::string_view text) const {
  constexpr std::string_view kSpace = " \t\r\n\v\f";
  std::vector<TokenId> ids;
  for (size_t begin = text.find_first_not_of(kSpace); begin != std::string_view::npos;) {
    const size_t end = std::min(text.find_first_of(kSpace, begin), text.size());
    const std::string_view word = text.substr(begin, end - begin);
    TokenId id = -1;
    const auto [rest, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    const bool is_id = error == std::errc() && rest == word.data() + word.size();
    check(is_id && id >= 0 && id <= num_ids_, ErrorKind::data,
          "'{}' is not a token id of NullTokenizer, expected 0..{}", word.substr(0, 40), num_ids_);
    ids.push_back(id);
    begin = text.find_first_not_of(kSpace, end);
  }
  return ids;
}

std::string NullTokenizer::decode(std::span<const TokenId> ids) const {
  std::string text;
  for (const TokenId id : ids) {
    check(id >= 0 && id <= num_ids_, ErrorKind::data,
          "token id {} is not in the vocabulary, expected 0..{}", id, num_ids_);
    if (!text.empty()) text += ' ';
    text += std::to_string(id);
  }
  return text;
}

}  // namespace weft::tokenizer
