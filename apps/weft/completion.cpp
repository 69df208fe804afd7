#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "apps/weft/commands.hpp"
#include "weft/base/error.hpp"
#include "weft/train/option_help.hpp"
#include "weft/train/option_table.hpp"

namespace weft::app {

namespace {

/// One thing that may follow on the command line.
struct Word {
  std::string text;
  std::string help;
  std::string choices;  ///< separated by blanks; empty when any word may follow
};

struct CommandWords {
  std::string name;
  std::string help;
  std::vector<Word> words;
};

std::string spaced(std::string_view choices) {
  std::string text;
  for (const std::string_view choice : train::split_words(choices, '|')) {
    if (!text.empty()) text += ' ';
    text += choice;
  }
  return text;
}

// Options that weft refuses are no use as suggestions.
std::vector<Word> table_words() {
  std::vector<Word> words = {{"--help", "options and an example", ""}};
  for (const train::OptionSpec& spec : train::option_table()) {
    if (spec.status != train::OptionStatus::acts && spec.status != train::OptionStatus::no_effect) {
      continue;
    }
    for (const std::string_view flag : train::split_words(spec.flags, ' ')) {
      words.push_back({std::string(flag), std::string(spec.help), spaced(spec.choices)});
    }
  }
  return words;
}

// What may follow the option: the alternatives of its type ("loop|wave"), or the names it takes.
std::string choices_of(const CLI::App& command, const CLI::Option& option) {
  if (command.get_name() == "simulate") {
    std::string names = names_of_simulate("--" + option.get_single_name());
    if (!names.empty()) return names;
  }
  const std::string type = option.get_type_name();
  const bool has_placeholder =
      std::ranges::any_of(type, [](char c) { return c >= 'A' && c <= 'Z'; });
  return has_placeholder || type.find('|') == std::string::npos ? "" : spaced(type);
}

std::vector<Word> words_of(const CLI::App& command) {
  std::vector<Word> words;
  for (const CLI::App* inner : command.get_subcommands({})) {
    words.push_back({inner->get_name(), inner->get_description(), ""});
    for (const Word& word : words_of(*inner)) words.push_back(word);
  }
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) {
      words.push_back({"--" + name, option->get_description(), choices_of(command, *option)});
    }
  }
  return words;
}

std::vector<CommandWords> commands_of(const CLI::App& app) {
  std::vector<CommandWords> commands;
  for (const CLI::App* command : app.get_subcommands({})) {
    const std::string& name = command->get_name();
    std::vector<Word> words = name == "pretrain" ? table_words() : words_of(*command);
    if (name == "config") {
      words = table_words();
      words.insert(words.begin(), {{"show", "print every option", ""},
                                   {"--markdown", "the whole option table", ""}});
    }
    if (name == "completion") words = {{"bash", "", ""}, {"zsh", "", ""}, {"fish", "", ""}};
    commands.push_back({name, command->get_description(), std::move(words)});
  }
  return commands;
}

// Text inside single quotes of a shell script.
std::string escape(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '\'')
      result += "'\\''";
    else
      result.push_back(c == '\n' ? ' ' : c);
  }
  return result;
}

std::string bash_script(const std::vector<CommandWords>& commands) {
  std::string names = "--help --version";
  std::string cases;
  std::string choices;
  for (const CommandWords& command : commands) {
    names += " " + command.name;
    std::string words;
    for (const Word& word : command.words) words += word.text + " ";
    cases += fmt::format("    {}) words='{}' ;;\n", command.name, words);
    for (const Word& word : command.words) {
      if (!word.choices.empty()) {
        choices += fmt::format("    {}:{}) words='{}' ;;\n", command.name, word.text, word.choices);
      }
    }
  }
  return fmt::format(
      "# weft completion for bash; load with: source <(weft completion bash)\n"
      "_weft() {{\n"
      "  local current=${{COMP_WORDS[COMP_CWORD]}} previous=${{COMP_WORDS[COMP_CWORD-1]}} "
      "words=''\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then words='{}'; else\n"
      "    case ${{COMP_WORDS[1]}} in\n{}    esac\n"
      "    case ${{COMP_WORDS[1]}}:$previous in\n{}    esac\n"
      "  fi\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n"
      "}}\n"
      "complete -o default -F _weft weft",
      names, cases, choices);
}

std::string zsh_script(const std::vector<CommandWords>& commands) {
  // _describe separates a word from its description with a colon.
  const auto entry = [](const std::string& word, const std::string& help) {
    return fmt::format(" '{}:{}'", escape(word), escape(help));
  };
  std::string names;
  std::string cases;
  for (const CommandWords& command : commands) {
    names += entry(command.name, command.help);
    std::string words;
    for (const Word& word : command.words) words += entry(word.text, word.help);
    cases += fmt::format("    {}) words_of_command=({}) ;;\n", command.name, words);
  }
  return fmt::format(
      "#compdef weft\n"
      "# weft completion for zsh; load with: source <(weft completion zsh)\n"
      "_weft() {{\n"
      "  local -a words_of_command\n"
      "  if (( CURRENT == 2 )); then\n"
      "    words_of_command=({})\n"
      "    _describe command words_of_command\n"
      "    return\n"
      "  fi\n"
      "  case $words[2] in\n{}  esac\n"
      "  _describe option words_of_command || _files\n"
      "}}\n"
      "compdef _weft weft",
      names, cases);
}

std::string fish_script(const std::vector<CommandWords>& commands) {
  std::string text = "# weft completion for fish; load with: weft completion fish | source";
  for (const CommandWords& command : commands) {
    text += fmt::format("\ncomplete -c weft -n __fish_use_subcommand -a {} -d '{}'", command.name,
                        escape(command.help));
    for (const Word& word : command.words) {
      const bool flag = word.text.starts_with("--");
      text += fmt::format("\ncomplete -c weft -n '__fish_seen_subcommand_from {}' {} {} -d '{}'",
                          command.name, flag ? "-l" : "-a", word.text.substr(flag ? 2 : 0),
                          escape(word.help));
      if (!word.choices.empty()) text += fmt::format(" -x -a '{}'", word.choices);
    }
  }
  return text;
}

std::string script(const std::string& shell, const std::vector<CommandWords>& commands) {
  if (shell == "bash") return bash_script(commands);
  if (shell == "zsh") return zsh_script(commands);
  if (shell == "fish") return fish_script(commands);
  fail_with_hint(ErrorKind::usage, "weft completion bash",
                 "there is no completion for this shell (got {}, expected bash, zsh or fish)",
                 shell);
}

}  // namespace

void add_completion(Command app, Program& program) {
  const Command command = app.add_subcommand("completion", "Print a completion script for a shell");
  const auto shell = std::make_shared<std::string>();
  command.add_option("shell", *shell, "bash, zsh or fish").required();
  command.footer("Example:\n  source <(weft completion bash)");
  command.callback([app, &program, shell] {
    program.run = [app, shell](Logger& logger) {
      logger.result(script(*shell, commands_of(app.parser())));
      return 0;
    };
  });
}

}  // namespace weft::app
