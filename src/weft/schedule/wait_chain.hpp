#pragma once

#include <span>
#include <string>

#include "weft/schedule/rank_state.hpp"

namespace weft::schedule {

/// Why nothing moves any more, as the circle of tasks that wait for each other:
/// "F0.2 on rank 0 waits for memory that W0.0 on rank 0 frees, which waits for ...". `ranks` are
/// the states of a stuck step, in order of rank.
std::string wait_chain(std::span<const RankState* const> ranks);

}  // namespace weft::schedule
