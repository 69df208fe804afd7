#include "weft/parallel/layer_layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>

namespace weft::parallel {

namespace {

constexpr const char* kFlag = "--pipeline-model-parallel-layout";
constexpr int kDeepest = 16;  // nested parentheses

/// Writes a layout's symbols out, without repetitions. Stops at the first fault.
class Expansion {
 public:
  explicit Expansion(std::string_view text) : text_(text) {}

  /// The symbols, or nothing after a fault.
  std::optional<std::string> run() {
    std::string symbols = items(0);
    if (fault_.empty() && at_ < text_.size()) unexpected("E, t, L, | or (");
    if (!fault_.empty()) return std::nullopt;
    return symbols;
  }

  const std::string& fault() const { return fault_; }

 private:
  void unexpected(std::string_view expected) {
    const std::string got = at_ < text_.size()
                                ? fmt::format("'{}' as symbol {}", text_[at_], at_ + 1)
                                : std::string("its end");
    fail(fmt::format("got {}, expected {}", got, expected));
  }

  void fail(std::string fault) {
    if (fault_.empty()) fault_ = std::move(fault);
  }

  bool ok() const { return fault_.empty(); }

  /// The next character that means something, or 0 at the end.
  char peek() {
    while (at_ < text_.size() && (text_[at_] == ',' || text_[at_] == ' ')) ++at_;
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  std::string items(int depth) {
    std::string symbols;
    while (ok()) {
      const char next = peek();
      std::string item;
      if (next == '(')
        item = parenthesis(depth);
      else if (next != '\0' && std::string_view("EtL|").find(next) != std::string_view::npos) {
        item = next;
        ++at_;
      } else {
        break;
      }
      append(symbols, item, ok() && peek() == '*' ? count() : 1);
    }
    return symbols;
  }

  std::string parenthesis(int depth) {
    if (depth == kDeepest) fail(fmt::format("got more than {} nested parentheses", kDeepest));
    if (!ok()) return {};
    ++at_;
    std::string symbols = items(depth + 1);
    if (ok() && peek() != ')') unexpected("E, t, L, |, ( or )");
    if (ok() && symbols.empty()) unexpected("something between parentheses");
    ++at_;
    return symbols;
  }

  int64_t count() {
    ++at_;  // the star
    peek();
    const char* const end = text_.data() + text_.size();
    int64_t value = 0;
    const auto [stop, error] = std::from_chars(text_.data() + at_, end, value);
    if (error != std::errc() || value < 1) {
      unexpected("a count from 1 on after *");
      return 0;
    }
    at_ = static_cast<size_t>(stop - text_.data());
    return value;
  }

  void append(std::string& symbols, const std::string& item, int64_t times) {
    if (!ok() || item.empty()) return;
    const auto room =
        (kLargestSize - static_cast<int64_t>(symbols.size())) / static_cast<int64_t>(item.size());
    if (times > room) {
      fail(fmt::format("got more than {} symbols", kLargestSize));
      return;
    }
    for (int64_t i = 0; i < times; ++i) symbols += item;
  }

  std::string_view text_;
  size_t at_ = 0;
  std::string fault_;
};

/// What is wrong with the places of E and L, or nothing.
std::string misplaced_ends(const std::string& symbols) {
  const auto embeddings = std::count(symbols.begin(), symbols.end(), 'E');
  const auto heads = std::count(symbols.begin(), symbols.end(), 'L');
  if (embeddings != 1) return fmt::format("got E {} times, expected once", embeddings);
  if (heads != 1) return fmt::format("got L {} times, expected once", heads);
  if (symbols.front() != 'E') return fmt::format("got {} first, expected E", symbols.front());
  if (symbols.back() != 'L') return fmt::format("got {} last, expected L", symbols.back());
  return {};
}

}  // namespace

int64_t LayerLayout::num_layers() const {
  return std::accumulate(layers_per_stage.begin(), layers_per_stage.end(), int64_t{0});
}

LayerLayout parse_layout(std::string_view text, std::vector<Problem>& problems) {
  Expansion expansion(text);
  const std::optional<std::string> symbols = expansion.run();
  const std::string fault = symbols ? misplaced_ends(*symbols) : expansion.fault();
  if (!fault.empty()) {
    problems.push_back({fmt::format("{} {} is malformed ({})", kFlag, text, fault),
                        fmt::format("{} 'Et*3|t*4|t*4|t*3L'", kFlag)});
    return {};
  }
  LayerLayout layout{{0}};
  for (const char symbol : *symbols) {
    if (symbol == '|') layout.layers_per_stage.push_back(0);
    if (symbol == 't') ++layout.layers_per_stage.back();
  }
  return layout;
}

std::string layout_text(const std::vector<int64_t>& layers_per_stage) {
  std::string text = "E";
  for (size_t stage = 0; stage < layers_per_stage.size(); ++stage) {
    if (stage > 0) text += '|';
    const int64_t layers = layers_per_stage[stage];
    if (layers > 0) text += layers == 1 ? "t" : fmt::format("t*{}", layers);
  }
  return text + "L";
}

}  // namespace weft::parallel
