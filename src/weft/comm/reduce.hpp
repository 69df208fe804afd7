#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "weft/comm/message.hpp"
#include "weft/tensor/dtype.hpp"

namespace weft::comm {

/// output[i] = contributions[0][i] (+ or max) contributions[1][i] ... in that order, for every i
/// below `elements`. bf16 and f16 are combined in fp32 and rounded once at the end; integer sums
/// wrap around; a NaN is a maximum. `output` may be one of the contributions.
void reduce_in_order(DType dtype, Reduction reduction,
                     std::span<const std::byte* const> contributions, std::byte* output,
                     int64_t elements);

}  // namespace weft::comm
