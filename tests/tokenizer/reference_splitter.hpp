#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weft::testing {

/// GPT-2's regular expression run by PCRE2 on valid UTF-8: what PreSplitter must equal.
class ReferenceSplitter {
 public:
  ReferenceSplitter();
  ~ReferenceSplitter();

  /// The pieces of `text`, in order.
  std::vector<std::string> split(std::string_view text) const;

 private:
  struct Pcre;
  std::unique_ptr<Pcre> pcre_;
};

}  // namespace weft::testing
