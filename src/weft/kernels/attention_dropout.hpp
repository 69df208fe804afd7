#pragma once

#include <cstdint>

#include "weft/kernels/dropout.hpp"
#include "weft/kernels/isa.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// Elements first + r * row + c of a sample, for r < rows and c < columns.
struct DropoutTile {
  int64_t first;
  int64_t row;
  int64_t rows;
  int64_t columns;
};

/// factors[c * kQueries + r] = dropout factor of element (r, c); some factor for the other r below
/// kQueries.
[[gnu::nothrow]] void dropout_factors(const Dropout& dropout, uint64_t sample,
                                      const DropoutTile& tile, float* factors);

}  // namespace weft::kernels::inline WEFT_ISA
