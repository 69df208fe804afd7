#include "tokenizer/gpt2_pair.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <random>
#include <stdexcept>

#include "support/vectors.hpp"
#include "weft/tokenizer/utf8.hpp"

namespace weft::testing {

namespace {

Gpt2Pair load_pair() {
  Gpt2Pair pair;
  const auto vocab = reference_file("data/gpt2/vocab.json");
  const auto merges = reference_file("data/gpt2/merges.txt");
  pair.is_full = vocab && merges;
  pair.vocab_file = pair.is_full ? vocab->string() : test_data("gpt2-small/vocab.json").string();
  pair.merge_file = pair.is_full ? merges->string() : test_data("gpt2-small/merges.txt").string();
  pair.tokenizer = std::make_unique<tokenizer::Gpt2BpeTokenizer>(pair.vocab_file, pair.merge_file);
  if (pair.is_full) {
    pair.gpt2_ids.resize(static_cast<size_t>(pair.tokenizer->vocab_size()));
    std::iota(pair.gpt2_ids.begin(), pair.gpt2_ids.end(), 0);
  } else {
    std::ifstream in(test_data("gpt2-small/gpt2_ids.json"));
    pair.gpt2_ids = nlohmann::json::parse(in).get<std::vector<int>>();
  }
  return pair;
}

}  // namespace

std::vector<int> Gpt2Pair::encode(std::string_view text) const {
  std::vector<int> ids = tokenizer->encode(text);
  for (int& id : ids) id = gpt2_ids.at(static_cast<size_t>(id));
  return ids;
}

std::vector<tokenizer::TokenId> Gpt2Pair::own_ids(const std::vector<int>& ids) const {
  std::vector<tokenizer::TokenId> own;
  for (const int id : ids) {
    const auto found = std::ranges::find(gpt2_ids, id);
    if (found == gpt2_ids.end()) throw std::runtime_error("no own id of " + std::to_string(id));
    own.push_back(static_cast<tokenizer::TokenId>(found - gpt2_ids.begin()));
  }
  return own;
}

const Gpt2Pair& gpt2_pair() {
  static const Gpt2Pair pair = load_pair();
  return pair;
}

std::string random_bytes(uint64_t seed, size_t size) {
  std::mt19937_64 random(seed);
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(random() & 0xFF);
  return bytes;
}

std::string random_unicode(uint64_t seed, size_t num_characters) {
  static constexpr std::array<char32_t, 40> kChosen = {
      ' ',    ' ',    ' ',    '\'',   '\'',   's',    't',    'r',    'e',    'v',
      'm',    'l',    'd',    'S',    'T',    '1',    '9',    '.',    '-',    '\n',
      '\t',   '\r',   0x1C,   0x1F,   0x85,   0xA0,   0xE9,   0x2BC,  0x301,  0x660,
      0x1680, 0x180E, 0x2003, 0x200B, 0x2028, 0x202F, 0x2160, 0x3000, 0x4E2D, 0x1F600};
  std::mt19937_64 random(seed);
  std::string text;
  for (size_t i = 0; i < num_characters; ++i) {
    const uint64_t draw = random();
    char32_t c = kChosen[(draw >> 8) % kChosen.size()];
    if ((draw & 0xFF) < 24) c = static_cast<char32_t>((draw >> 8) % 0x110000);
    if ((draw & 0xFF) >= 24 && (draw & 0xFF) < 48) c = static_cast<char32_t>((draw >> 8) % 0x3100);
    if (c >= 0xD800 && c <= 0xDFFF) c = 0xFFFD;
    tokenizer::append_utf8(text, c);
  }
  return text;
}

}  // namespace weft::testing
