#pragma once

#include <CLI/CLI.hpp>
#include <span>

#include "weft/base/error.hpp"

namespace weft::app {

/// What CLI11 did not accept, in the words of this program: the flag, the value it got, what was
/// expected, and the nearest flag for one that does not exist. `words` is the command line.
Error parse_error(const CLI::App& app, std::span<char*> words, const CLI::ParseError& error);

}  // namespace weft::app
