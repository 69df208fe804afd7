#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace weft::tokenizer {

/// The four classes between which GPT-2's regular expression tells characters apart.
enum class CharacterClass : uint8_t {
  other,   ///< everything else, invalid bytes included
  letter,  ///< \p{L}
  number,  ///< \p{N}
  space,   ///< Unicode's White_Space property
};

/// Class of every code point, from the Unicode data inside PCRE2 (about 1 MB, built once in a few
/// milliseconds). White space is the explicit White_Space set: PCRE2's own \s also takes U+180E.
class CharacterClasses {
 public:
  CharacterClasses();

  /// Class of a code point <= U+10FFFF.
  CharacterClass operator[](char32_t code_point) const { return classes_[code_point]; }

 private:
  std::vector<CharacterClass> classes_;
};

/// Version of the Unicode data that decides the classes, for example "14.0.0".
std::string unicode_version();

}  // namespace weft::tokenizer
