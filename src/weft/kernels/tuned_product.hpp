#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weft/kernels/column_product.hpp"

namespace weft::kernels {

/// What was found out about a product on a GPU.
struct TunedProduct {
  /// cuBLASLt's description of an algorithm, valid for one version of it.
  using Algorithm = std::array<uint64_t, 8>;

  float milliseconds = 0.0F;  ///< of the fastest algorithm; 0: none was timed
  /// None of a product with an epilogue that is better done by kernels of their own.
  std::optional<Algorithm> algorithm;

  friend bool operator==(const TunedProduct&, const TunedProduct&) = default;
};

/// Every field of a product in one line: what it is tuned for. `plain` is the epilogue of the
/// product that it was compared with.
std::string key_of(const ColumnProduct& product, Epilogue plain);

/// As a line that parse_tuned_product gives back.
std::string text_of(const TunedProduct& tuned);
/// None unless `text` is of text_of.
std::optional<TunedProduct> parse_tuned_product(std::string_view text);

/// Bytes that kernels read and write to do for c_MN after a product what `epilogue` does in it:
/// GELU reads z and writes y; its gradient reads dy and z and writes dz; a bias sum reads A.
int64_t separate_bytes(const ColumnProduct& product);

}  // namespace weft::kernels
