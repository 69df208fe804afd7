#pragma once

#include <cstdint>

#include "weft/schedule/rank_state.hpp"

namespace weft::schedule {

/// Rule B, the FIFO banker (reference/schedules.md 2.3; Lemma 1 proves that it keeps what Lemma 2
/// needs: the oldest microbatch always finds memory). The next forward of `chunk` may start if
/// afterwards nothing exceeds the cap and every older microbatch can still run all its forwards
/// with the free memory and what the microbatches before it will give back:
///
///   free - charge >= 0  and, for each unfinished k older than its microbatch,
///   free - charge + sum of held(j) over j < k >= need(k)
///
/// The plain test `used + charge <= cap` in its place deadlocks in most runs. B, W and D never need
/// memory, since F is charged the most that its microbatch holds. Without a cap everything may
/// start.
bool banker_admits(const RankState& rank, int64_t chunk);

/// Rule N, the limit of work in progress (reference/schedules.md 2.3 R2): a microbatch enters stage
/// 0 only while fewer than `limit` are in flight there. At least 1, or the oldest could be kept
/// out.
bool wip_admits(const RankState& rank, int64_t chunk, int64_t limit);

}  // namespace weft::schedule
