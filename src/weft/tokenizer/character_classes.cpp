#define PCRE2_CODE_UNIT_WIDTH 8

#include "weft/tokenizer/character_classes.hpp"

#include <pcre2.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string_view>

#include "weft/base/error.hpp"
#include "weft/tokenizer/utf8.hpp"

namespace weft::tokenizer {

namespace {

constexpr char32_t kNumCodePoints = 0x110000;

struct FreePcre {
  void operator()(pcre2_code* code) const { pcre2_code_free(code); }
  void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
using Pattern = std::unique_ptr<pcre2_code, FreePcre>;
using MatchData = std::unique_ptr<pcre2_match_data, FreePcre>;

/// Runs of letters (group 1 set) and runs of numbers.
Pattern compile_classes() {
  static constexpr std::string_view kText = R"((\p{L}+)|\p{N}+)";
  int error = 0;
  size_t offset = 0;
  Pattern pattern(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kText.data()), kText.size(),
                                PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr));
  check(pattern != nullptr, ErrorKind::internal,
        "PCRE2 refuses \\p{{L}} (error {} at offset {}); it was built without Unicode", error,
        offset);
  // Without JIT (some processors) the match below is slower and otherwise the same.
  pcre2_jit_compile(pattern.get(), PCRE2_JIT_COMPLETE);
  return pattern;
}

constexpr bool is_white_space(char32_t c) {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

/// Calls mark(code_point, class) for every letter and number of the block that starts at `first`.
template <typename Mark>
void classify_block(const Pattern& pattern, pcre2_match_data* data, char32_t first, char32_t last,
                    Mark mark) {
  std::string text;
  for (char32_t c = first; c < last; ++c) {
    if (c < 0xD800 || c > 0xDFFF) append_utf8(text, c);
  }
  const auto* subject = reinterpret_cast<PCRE2_SPTR>(text.data());
  const size_t* offsets = pcre2_get_ovector_pointer(data);
  size_t position = 0;
  while (position < text.size()) {
    const int count = pcre2_match(pattern.get(), subject, text.size(), position, PCRE2_NO_UTF_CHECK,
                                  data, nullptr);
    if (count == PCRE2_ERROR_NOMATCH) return;
    check(count > 0, ErrorKind::internal, "PCRE2 match error {}", count);
    const auto found = count > 1 ? CharacterClass::letter : CharacterClass::number;
    for (size_t i = offsets[0]; i < offsets[1];) {
      const Utf8Char character = read_utf8(text, i);
      mark(character.code_point, found);
      i += character.length;
    }
    position = offsets[1];
  }
}

}  // namespace

CharacterClasses::CharacterClasses() : classes_(kNumCodePoints, CharacterClass::other) {
  constexpr char32_t kBlock = 0x10000;
  const Pattern pattern = compile_classes();
  const MatchData data(pcre2_match_data_create_from_pattern(pattern.get(), nullptr));
  check(data != nullptr, ErrorKind::internal, "PCRE2 cannot allocate its match data");
  for (char32_t first = 0; first < kNumCodePoints; first += kBlock) {
    classify_block(pattern, data.get(), first, first + kBlock,
                   [this](char32_t c, CharacterClass found) { classes_[c] = found; });
  }
  for (char32_t c = 0; c <= 0x3000; ++c) {
    if (is_white_space(c)) classes_[c] = CharacterClass::space;
  }
}

std::string unicode_version() {
  std::array<char, 64> text{};
  pcre2_config(PCRE2_CONFIG_UNICODE_VERSION, text.data());
  return text.data();
}

}  // namespace weft::tokenizer
