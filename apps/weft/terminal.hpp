#pragma once

#include <cstdint>

namespace weft::app {

/// What stdout can show.
struct Terminal {
  int64_t width = 100;   ///< columns; $COLUMNS, else the terminal's, else 100
  bool colour = false;   ///< a terminal, and neither NO_COLOR nor TERM=dumb forbids it
  bool unicode = false;  ///< the locale is UTF-8
};

Terminal detect_terminal();

}  // namespace weft::app
