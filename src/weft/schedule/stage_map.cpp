#include "weft/schedule/stage_map.hpp"

namespace weft::schedule {

std::string_view name(Mapping mapping) { return mapping == Mapping::loop ? "loop" : "wave"; }

}  // namespace weft::schedule
