#define PCRE2_CODE_UNIT_WIDTH 8

#include "tokenizer/reference_splitter.hpp"

#include <pcre2.h>

#include <stdexcept>

namespace weft::testing {

namespace {

// White_Space instead of \s: PCRE2 counts U+180E as white space, the property does not.
constexpr std::string_view kExpression =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+)"
    R"(| ?[^\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}\p{L}\p{N}]+)"
    R"(|[\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]+)"
    R"((?![^\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]))"
    R"(|[\x{9}-\x{D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000}]+)";

}  // namespace

struct ReferenceSplitter::Pcre {
  pcre2_code* code = nullptr;
  pcre2_match_data* data = nullptr;

  ~Pcre() {
    pcre2_match_data_free(data);
    pcre2_code_free(code);
  }
};

ReferenceSplitter::ReferenceSplitter() : pcre_(std::make_unique<Pcre>()) {
  int error = 0;
  size_t offset = 0;
  pcre_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(kExpression.data()), kExpression.size(),
                              PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
  if (pcre_->code == nullptr) throw std::runtime_error("bad expression");
  pcre2_jit_compile(pcre_->code, PCRE2_JIT_COMPLETE);
  pcre_->data = pcre2_match_data_create_from_pattern(pcre_->code, nullptr);
}

ReferenceSplitter::~ReferenceSplitter() = default;

std::vector<std::string> ReferenceSplitter::split(std::string_view text) const {
  std::vector<std::string> pieces;
  size_t position = 0;
  while (position < text.size()) {
    const int count =
        pcre2_match(pcre_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(), position,
                    position == 0 ? 0 : PCRE2_NO_UTF_CHECK, pcre_->data, nullptr);
    if (count < 0) throw std::runtime_error("PCRE2 error " + std::to_string(count));
    const size_t* offsets = pcre2_get_ovector_pointer(pcre_->data);
    if (offsets[0] != position) throw std::runtime_error("the expression left a gap");
    pieces.emplace_back(text.substr(offsets[0], offsets[1] - offsets[0]));
    position = offsets[1];
  }
  return pieces;
}

}  // namespace weft::testing
