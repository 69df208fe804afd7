#include "weft/parallel/axis.hpp"

#include <algorithm>
#include <vector>

#include "weft/base/error.hpp"

namespace weft::parallel {

namespace {

constexpr std::array<std::string_view, kNumAxes> kNames = {"tp", "cp", "ep", "dp", "pp"};

std::vector<std::string_view> words(std::string_view text) {
  std::vector<std::string_view> result;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find('-', start), text.size());
    result.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return result;
}

}  // namespace

std::string_view name(Axis axis) { return kNames[static_cast<size_t>(axis)]; }

std::string order_text(const RankOrder& order) {
  std::string text;
  for (const Axis axis : order) {
    if (!text.empty()) text += '-';
    text += name(axis);
  }
  return text;
}

RankOrder parse_order(std::string_view text) {
  std::vector<Axis> axes;
  for (const std::string_view word : words(text)) {
    const auto* const found = std::find(kNames.begin(), kNames.end(), word);
    check(found != kNames.end(), ErrorKind::usage,
          "the rank order names an unknown axis (got {} in {}, expected tp, cp, ep, dp or pp)",
          word, text);
    const auto axis = static_cast<Axis>(found - kNames.begin());
    check(std::find(axes.begin(), axes.end(), axis) == axes.end(), ErrorKind::usage,
          "the rank order names an axis twice (got {} in {}, expected every axis once)", word,
          text);
    axes.push_back(axis);
  }
  check(axes.size() == kNumAxes, ErrorKind::usage,
        "the rank order leaves axes out (got {} of {} in {}, expected every axis once)",
        axes.size(), kNumAxes, text);
  RankOrder order{};
  std::copy(axes.begin(), axes.end(), order.begin());
  return order;
}

}  // namespace weft::parallel
