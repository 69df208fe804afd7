#pragma once

#include <string_view>
#include <vector>

namespace weft::train {

/// How the words after a flag become a value.
enum class OptionKind {
  set_true,         ///< no word; the value becomes True
  set_false,        ///< no word; the value becomes False (flags such as --disable-bias-linear)
  flag_or_integer,  ///< no word: True; one word: an integer (--use-dpp 1)
  integer,
  real,
  number,  ///< an integer or a real, printed as it was written
  text,    ///< any word, or one of `choices`
  boolean,
  integer_list,
  text_list,
  integer_or_list,  ///< an integer or [0, 1, ...] (--moe-layer-freq)
  derived,          ///< has no flag; follows from others
};

/// How many words a list takes.
enum class ListSize { one, zero_or_more, one_or_more };

/// What weft does with an option.
enum class OptionStatus {
  acts,       ///< changes the run; `note` names the test that proves it
  no_effect,  ///< accepted with one warning line; `note` says why
  refused,    ///< an error when it differs from its default; `note` says why and what to use
  not_yet,    ///< as refused, until weft does it; `note` may say what to use so far
  removed,    ///< Megatron refuses it too; `note` is Megatron's text
  derived,    ///< printed only
};

/// Where an option comes from, which decides where it is printed.
enum class OptionOrigin {
  logged,    ///< Megatron's, in the argument block
  unlogged,  ///< Megatron's, never in the argument block
  weft,      ///< weft's own, never in the argument block
};

/// Chapters of --help and of docs/from-megatron.md.
enum class OptionGroup {
  model,
  initialization,
  optimizer,
  learning_rate,
  precision,
  parallel,
  training,
  activations,
  data,
  tokenizer,
  logging,
  checkpoint,
  moe,
  inference,
  other_models,
  weft,
};

/// One option: everything that the parser, --help, the argument block, shell completion and the
/// documentation say about it (reference/megatron.md 10).
struct OptionSpec {
  std::string_view name;   ///< Megatron's name, as printed in the argument block
  std::string_view flags;  ///< separated by spaces; empty for derived options
  OptionKind kind;
  std::string_view default_value;  ///< as Megatron prints it
  std::string_view choices;        ///< separated by '|'; empty: any
  ListSize list_size;
  OptionGroup group;
  OptionOrigin origin;
  std::string_view unit;
  std::string_view help;  ///< what giving the flag does, in a few words
  OptionStatus status;
  std::string_view note;  ///< see OptionStatus
};

/// The words of `text` between `separator`s; none for an empty text.
std::vector<std::string_view> split_words(std::string_view text, char separator);

/// Title of a chapter, for example "Learning rate schedule".
std::string_view title(OptionGroup group);

/// Name of a status in documentation, for example "no effect".
std::string_view name(OptionStatus status);

/// The first flag of `spec`; its name when it has none.
std::string_view main_flag(const OptionSpec& spec);

}  // namespace weft::train
