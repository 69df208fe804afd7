#include "weft/train/option_help.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "weft/train/option_table.hpp"

namespace weft::train {

namespace {

constexpr size_t kHelpColumn = 44;

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string help_line(const OptionSpec& spec) {
  std::string left =
      fmt::format("  {} {}", replace_all(std::string(spec.flags), " ", ", "), value_words(spec));
  left = left.size() < kHelpColumn ? left + std::string(kHelpColumn - left.size(), ' ')
                                   : left + "\n" + std::string(kHelpColumn, ' ');
  std::string line = left + std::string(spec.help);
  const bool is_switch = spec.kind == OptionKind::set_true || spec.kind == OptionKind::set_false;
  const bool has_default =
      !is_switch && spec.default_value != "None" && !spec.default_value.empty();
  if (has_default) line += fmt::format(" [{}]", spec.default_value);
  if (!spec.unit.empty()) line += fmt::format(" ({})", spec.unit);
  return line + "\n";
}

std::string chapters(OptionStatus status, std::string (*write)(const OptionSpec&)) {
  std::string text;
  const OptionSpec* last = nullptr;
  for (const OptionSpec& spec : option_table()) {
    if (spec.status != status) continue;
    if (last == nullptr || last->group != spec.group) {
      text += fmt::format("\n{}:\n", title(spec.group));
    }
    text += write(spec);
    last = &spec;
  }
  return text;
}

std::string status_cell(const OptionSpec& spec) {
  std::string status(name(spec.status));
  if (spec.status == OptionStatus::acts || spec.note.empty()) return status;
  return fmt::format("{}: {}", status, spec.note);
}

std::string markdown_row(const OptionSpec& spec) {
  const std::string flags =
      spec.flags.empty() ? "-"
                         : fmt::format("`{}`", replace_all(std::string(spec.flags), " ", "`, `"));
  const std::string shown =
      spec.default_value.empty() ? "(empty)" : std::string(spec.default_value);
  return replace_all(
      fmt::format("{} | {} | {} | {} | {}", spec.name, flags, shown, spec.help, status_cell(spec)),
      "\n", " ");
}

}  // namespace

std::string value_words(const OptionSpec& spec) {
  switch (spec.kind) {
    case OptionKind::set_true:
    case OptionKind::set_false:
    case OptionKind::derived:
      return "";
    case OptionKind::flag_or_integer:
      return "[N]";
    case OptionKind::integer:
      return spec.choices.empty() ? "N" : std::string(spec.choices);
    case OptionKind::real:
    case OptionKind::number:
      return "X";
    case OptionKind::integer_list:
      return "N ...";
    case OptionKind::text_list:
      return "WORD ...";
    case OptionKind::integer_or_list:
      return "N|[...]";
    default:
      return spec.choices.empty() ? "WORD" : std::string(spec.choices);
  }
}

std::string help_text() {
  const auto table = option_table();
  const auto count = [&](OptionStatus status) {
    return std::count_if(table.begin(), table.end(),
                         [=](const OptionSpec& spec) { return spec.status == status; });
  };
  std::string text =
      "weft pretrain FLAGS: trains a GPT. Flags are Megatron-LM's; defaults are in [brackets],\n"
      "units in (parentheses).\n\n"
      "Example:\n"
      "  weft pretrain --num-layers 4 --hidden-size 128 --num-attention-heads 4 --seq-length 128\n"
      "    --max-position-embeddings 128 --micro-batch-size 4 --global-batch-size 8 --lr 1e-3\n"
      "    --train-iters 200 --lr-warmup-iters 20 --lr-decay-style cosine --data-path corpus\n"
      "    --vocab-file vocab.json --merge-file merges.txt --split 95,5,0 --log-interval 10\n";
  text += chapters(OptionStatus::acts, help_line);
  text += fmt::format(
      "\nOf Megatron's other options {} are accepted and have no effect, {} are refused, {} are "
      "not\n"
      "done yet; `weft config show --markdown` lists them all. Every option can also be set by\n"
      "--config FILE or by the environment variable WEFT_<NAME>; flags win, then the "
      "environment.\n",
      count(OptionStatus::no_effect), count(OptionStatus::refused) + count(OptionStatus::removed),
      count(OptionStatus::not_yet));
  return text;
}

std::string markdown_tables() {
  std::string text;
  const OptionSpec* last = nullptr;
  for (const OptionSpec& spec : option_table()) {
    if (last == nullptr || last->group != spec.group) {
      text += fmt::format(
          "{}### {}\n\n| name | flag | default | what it does | in weft |\n"
          "|---|---|---|---|---|\n",
          last == nullptr ? "" : "\n", title(spec.group));
    }
    text += fmt::format("| {} |\n", markdown_row(spec));
    last = &spec;
  }
  return text;
}

}  // namespace weft::train
