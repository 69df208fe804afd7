#pragma once

#include "weft/base/philox.hpp"
#include "weft/kernels/isa.hpp"

namespace weft::kernels::inline WEFT_ISA {

/// The random word of one element: word element % 4 of block counter(element / 4, sample).
WEFT_HOST_DEVICE inline uint32_t dropout_word(philox::Key key, uint64_t sample, uint64_t element) {
  return philox::generate(key, philox::counter(element / 4, sample)).word[element % 4];
}

/// What an element is multiplied by: `scale` when its word keeps it, else 0.
WEFT_HOST_DEVICE inline float dropout_factor(uint32_t word, uint32_t threshold, float scale) {
  return word >= threshold ? scale : 0.0F;
}

}  // namespace weft::kernels::inline WEFT_ISA
