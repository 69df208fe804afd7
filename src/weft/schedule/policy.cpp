#include "weft/schedule/policy.hpp"

namespace weft::schedule {

// Most policies decide from the view alone.
void Policy::started(const Task& /*task*/, double /*time*/) {}
void Policy::arrived(const Task& /*task*/, double /*time*/) {}

}  // namespace weft::schedule
