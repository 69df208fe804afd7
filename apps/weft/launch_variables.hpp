#pragma once

#include "weft/comm/launch.hpp"

namespace weft::app {

/// What this process's environment says about its launcher.
comm::Launch launch_of_environment();

}  // namespace weft::app
