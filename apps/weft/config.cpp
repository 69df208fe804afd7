#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "apps/weft/commands.hpp"
#include "apps/weft/option_sources.hpp"
#include "weft/train/checkpoint_args.hpp"
#include "weft/train/make_train_config.hpp"
#include "weft/train/option_help.hpp"
#include "weft/train/option_table.hpp"

namespace weft::app {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kHelp =
    "weft config show [FLAGS of weft pretrain] [--json | --markdown]\n"
    "Prints every option with its value and where the value comes from.\n\n"
    "  --json      one object: options, each with value and origin\n"
    "  --markdown  the whole option table with defaults, meanings and what weft does\n\n"
    "Example:\n  weft config show --hidden-size 128 --num-attention-heads 4";

struct ToJson {
  Json operator()(std::monostate) const { return nullptr; }
  template <typename T>
  Json operator()(const T& value) const {
    return value;
  }
};

void show_json(const train::OptionValues& values, Logger& logger) {
  Json options = Json::object();
  for (const train::OptionSpec& spec : train::option_table()) {
    options[std::string(spec.name)] = {{"value", std::visit(ToJson{}, values.at(spec.name))},
                                       {"origin", train::name(values.source(spec.name))}};
  }
  logger.result(Json{{"options", options}}.dump(-1, ' ', false, Json::error_handler_t::replace));
}

void show_text(const train::OptionValues& values, Logger& logger) {
  for (const train::OptionSpec& spec : train::option_table()) {
    logger.result(fmt::format("{} = {}  ({})", spec.name, train::print_python(values.at(spec.name)),
                              train::name(values.source(spec.name))));
  }
}

int show(std::vector<std::string> words, Logger& logger) {
  if (asks_for_help(words)) {
    logger.result(kHelp);
    return 0;
  }
  const auto markdown = std::find(words.begin(), words.end(), "--markdown");
  if (markdown != words.end()) {
    std::string text = train::markdown_tables();
    text.pop_back();
    logger.result(text);
    return 0;
  }
  train::ParsedOptions parsed = train::parse_options(option_sources(std::move(words)));
  train::apply_checkpoint_args(parsed);
  if (!parsed.problems.empty()) throw train::problems_error(parsed.problems);
  const train::ResolvedOptions resolved = train::resolve_options(parsed);
  if (!resolved.values.flag("quiet")) {
    for (const std::string& warning : resolved.warnings) logger.warn(warning);
  }
  if (resolved.values.flag("json"))
    show_json(resolved.values, logger);
  else
    show_text(resolved.values, logger);
  return 0;
}

}  // namespace

void add_config(Command app, Program& program) {
  const Command config = app.add_subcommand("config", "Show resolved options");
  config.require_one_subcommand();
  const Command command = config.add_subcommand(
      "show", "Print every option of a training run, its value and where it comes from");
  command.callback([&program] {
    program.run = [&program](Logger& logger) { return show(program.option_words, logger); };
  });
}

}  // namespace weft::app
