#pragma once

#include <cstdint>

#include "weft/comm/rank_context.hpp"

namespace weft::comm::testing {

/// Runs every collective with every type, odd sizes and none, blocking and asynchronous, in the
/// world and in a group of its even ranks, then links and a leader log. Throws Error{internal} for
/// the first wrong element. Returns a hash of the bits of all results of this rank.
uint64_t run_conformance(RankContext& context);

/// The hash of all ranks' results: equal on all ranks of all kinds of worlds of one size.
uint64_t run_conformance_of_world(RankContext& context);

}  // namespace weft::comm::testing
