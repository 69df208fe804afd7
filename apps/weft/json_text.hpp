#pragma once

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <string>

namespace weft::app {

/// JSON on one line. Numbers have the shortest form that reads back to the same bits; bytes that
/// are no UTF-8 are replaced.
inline std::string json_text(const nlohmann::ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

/// A time for people: at most four decimals, none that are 0.
inline std::string rounded(double value) {
  const double scaled = std::round(value * 1e4) / 1e4;
  return fmt::format("{}", scaled == 0 ? 0.0 : scaled);
}

}  // namespace weft::app
