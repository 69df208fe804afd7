#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::app {

/// "1 rank", "8 microbatches"
inline std::string counted(int64_t count, std::string_view noun) {
  std::string text = std::to_string(count) + " " + std::string(noun);
  if (count != 1) text += noun.ends_with("ch") ? "es" : "s";
  return text;
}

}  // namespace weft::app
