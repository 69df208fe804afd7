#pragma once

#include "apps/weft/commands.hpp"

namespace weft::app {

/// Declares `weft bench links` below `bench`.
void add_bench_links(Command bench, Program& program);

}  // namespace weft::app
