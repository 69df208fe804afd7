#include "weft/kernels/tuned_product.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace weft::kernels {

namespace {

std::string text_of(const ColumnMatrix& matrix) {
  return fmt::format("{}x{}/{} {}", matrix.rows, matrix.columns, matrix.stride, name(matrix.dtype));
}

int64_t bytes_of(const ColumnMatrix& matrix) {
  return matrix.rows * matrix.columns * static_cast<int64_t>(size_of(matrix.dtype));
}

/// Takes a number off the front of `text`.
template <typename T, typename... Base>
bool take(std::string_view& text, T& value, Base... base) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base...);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return true;
}

/// What stands for no algorithm.
constexpr std::string_view kSeparate = " separate\n";

}  // namespace

std::string key_of(const ColumnProduct& product, Epilogue plain) {
  std::string key =
      fmt::format("{}{} of {}, {} into {}, beta {}, epilogue {} for {}",
                  product.transpose_first ? "t" : "n", product.transpose_second ? "t" : "n",
                  text_of(product.first), text_of(product.second), text_of(product.result),
                  product.beta, static_cast<int>(product.epilogue), static_cast<int>(plain));
  if (product.bias.size > 0) key += fmt::format(", bias {}", name(product.bias.dtype));
  if (product.aux.rows > 0) key += fmt::format(", aux {}", text_of(product.aux));
  return key;
}

std::string text_of(const TunedProduct& tuned) {
  std::string text = fmt::format("{}", tuned.milliseconds);
  if (!tuned.algorithm) return text + std::string(kSeparate);
  for (const uint64_t word : *tuned.algorithm) text += fmt::format(" {:016x}", word);
  return text + "\n";
}

std::optional<TunedProduct> parse_tuned_product(std::string_view text) {
  TunedProduct tuned;
  if (!take(text, tuned.milliseconds)) return std::nullopt;
  if (!std::isfinite(tuned.milliseconds) || tuned.milliseconds < 0.0F) return std::nullopt;
  if (text == kSeparate) return tuned;
  constexpr size_t kWordSize = 17;  // a space and 16 digits
  TunedProduct::Algorithm& words = tuned.algorithm.emplace();
  if (text.size() != kWordSize * words.size() + 1 || text.back() != '\n') return std::nullopt;
  for (uint64_t& word : words) {
    std::string_view digits = text.substr(1, kWordSize - 1);
    if (text.front() != ' ' || !take(digits, word, 16) || !digits.empty()) return std::nullopt;
    text.remove_prefix(kWordSize);
  }
  return tuned;
}

int64_t separate_bytes(const ColumnProduct& product) {
  switch (product.epilogue) {
    case Epilogue::gelu_aux:
    case Epilogue::gelu_aux_bias:
      return 2 * bytes_of(product.result);
    case Epilogue::dgelu:
      return 3 * bytes_of(product.result);
    case Epilogue::dgelu_bias_sum:
      return 4 * bytes_of(product.result);
    case Epilogue::left_bias_sum:
      return bytes_of(product.second);
    default:
      return 0;
  }
}

}  // namespace weft::kernels
