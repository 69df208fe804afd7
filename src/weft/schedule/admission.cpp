#include "weft/schedule/admission.hpp"

#include <cassert>

namespace weft::schedule {

bool banker_admits(const RankState& rank, int64_t chunk) {
  if (!rank.cap()) return true;
  const int64_t microbatch = rank.next(TaskKind::forward, chunk);
  int64_t available = *rank.cap() - rank.used() - rank.charge(chunk);
  if (available < 0) return false;
  for (int64_t older = rank.oldest(); older < microbatch; ++older) {
    if (available < rank.need(older)) return false;
    available += rank.held(older);
  }
  return true;
}

bool wip_admits(const RankState& rank, int64_t chunk, int64_t limit) {
  assert(limit >= 1);
  return rank.stage(chunk) != 0 || rank.in_flight() < limit;
}

}  // namespace weft::schedule
