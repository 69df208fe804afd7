#pragma once

#include <string>

#include "weft/train/option_spec.hpp"

namespace weft::train {

/// Text of `weft pretrain --help`: the options that act, in chapters, with units, defaults and one
/// example.
std::string help_text();

/// The whole option table as Markdown, one table per chapter, for docs/from-megatron.md.
std::string markdown_tables();

/// What the words after a flag are, for example "N" or "adam|sgd"; empty for switches.
std::string value_words(const OptionSpec& spec);

}  // namespace weft::train
