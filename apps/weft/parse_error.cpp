#include "apps/weft/parse_error.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/base/nearest_word.hpp"

namespace weft::app {

namespace {

/// The command that was being parsed.
struct ParsedCommand {
  const CLI::App* app;
  std::string path;  ///< "weft bench schedules"

  Error error(const std::string& what) const {
    return Error(ErrorKind::usage, what, path + " --help");
  }
};

ParsedCommand command_of(const CLI::App& app) {
  ParsedCommand command{&app, "weft"};
  while (!command.app->get_subcommands().empty()) {
    command.app = command.app->get_subcommands().front();
    command.path += " " + command.app->get_name();
  }
  return command;
}

std::string names_of_commands(const CLI::App& app) {
  std::string names;
  for (const CLI::App* inner : app.get_subcommands({})) {
    names += (names.empty() ? "" : ", ") + inner->get_name();
  }
  return names;
}

// `weft bench` and `weft bench speed`.
Error missing_command(const ParsedCommand& command) {
  const std::vector<std::string> extras = command.app->remaining();
  const std::string names = names_of_commands(*command.app);
  const std::string what = extras.empty()
                               ? fmt::format("{} what? (expected one of {})", command.path, names)
                               : fmt::format("unknown command (got {} {}, expected one of {})",
                                             command.path, extras.front(), names);
  return command.error(what);
}

// The first flag that the command does not have, if there is one.
std::optional<Error> unknown_option(const ParsedCommand& command, std::span<char*> words) {
  std::vector<std::string> flags;
  for (const CLI::Option* option : command.app->get_options()) {
    for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
  }
  const std::vector<std::string_view> known(flags.begin(), flags.end());
  for (const std::string_view word : words.subspan(1)) {
    const std::string_view flag = word.substr(0, word.find('='));
    if (flag.size() < 3 || !flag.starts_with("--") || std::ranges::count(known, flag) > 0) continue;
    const std::string nearest = nearest_word(flag, known);
    return Error(ErrorKind::usage,
                 fmt::format("unknown option (got {}, expected a flag of {})", flag, command.path),
                 nearest.empty() ? command.path + " --help" : nearest);
  }
  return std::nullopt;
}

Error unexpected_word(const CLI::App& app, const ParsedCommand& command) {
  const std::vector<std::string> extras = app.remaining(true);
  return command.error(fmt::format("unexpected word (got {}, expected a flag)",
                                   extras.empty() ? "" : extras.front()));
}

std::string_view expected_of(const CLI::Option* option) {
  const std::string type = option == nullptr ? "" : option->get_type_name();
  if (type == "INT") return "a whole number";
  if (type == "UINT") return "a whole number of at least 0";
  return type == "FLOAT" ? "a number" : "another value";
}

// "Could not convert: --pp = x"
Error wrong_value(const ParsedCommand& command, std::string_view what) {
  const std::string_view before = "Could not convert: ";
  const size_t equals = what.find(" = ");
  if (!what.starts_with(before) || equals == std::string_view::npos) {
    return command.error(std::string(what));
  }
  const std::string name(what.substr(before.size(), equals - before.size()));
  return command.error(fmt::format("{} has a wrong value (got {}, expected {})", name,
                                   what.substr(equals + 3),
                                   expected_of(command.app->get_option_no_throw(name))));
}

// "--pp: 1 required INT missing", "--pp: At Most 1 required but received 2"
Error wrong_count(const ParsedCommand& command, std::string_view what) {
  const std::string_view name = what.substr(0, what.find(':'));
  if (what.ends_with("missing")) return command.error(fmt::format("{} has no value", name));
  if (what.find("At Most 1 ") != std::string_view::npos) {
    return command.error(fmt::format("{} has {} values (expected one)", name,
                                     what.substr(what.find_last_of(' ') + 1)));
  }
  return command.error(std::string(what));
}

}  // namespace

Error parse_error(const CLI::App& app, std::span<char*> words, const CLI::ParseError& error) {
  const ParsedCommand command = command_of(app);
  const std::string what = error.what();
  if (const auto unknown = unknown_option(command, words)) return *unknown;
  switch (static_cast<CLI::ExitCodes>(error.get_exit_code())) {
    case CLI::ExitCodes::ExtrasError:
      return unexpected_word(app, command);
    case CLI::ExitCodes::ConversionError:
      return wrong_value(command, what);
    case CLI::ExitCodes::ArgumentMismatch:
      return wrong_count(command, what);
    case CLI::ExitCodes::RequiredError:
      if (what.starts_with("A subcommand")) return missing_command(command);
      return command.error(fmt::format("{} is missing", what.substr(0, what.find(" is required"))));
    default:
      return command.error(what);
  }
}

}  // namespace weft::app
