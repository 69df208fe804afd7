#pragma once

#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace weft::app {

// What the subcommands use of CLI11, mostly under its names. CLI11 is all headers: a file that
// includes them compiles its parser again, so only command_line.cpp and the files that walk CLI11's
// own objects do. Option and Command are handles, valid as long as the CLI::App behind them.

/// A declared option or flag; each call changes it and returns it.
class Option {
 public:
  explicit Option(CLI::Option& option) : option_(&option) {}

  Option required() const;
  /// The heading under which --help lists it.
  Option group(const std::string& name) const;
  /// What --help prints for its value: a placeholder, or alternatives as "loop|wave".
  Option type_name(const std::string& name) const;
  /// Lets --help print the present value of the variable.
  Option capture_default_str() const;
  /// Separates the values inside one word.
  Option delimiter(char separator) const;

  /// The value is refused with the text that `problem` returns, unless that is empty.
  Option check(const std::function<std::string(const std::string&)>& problem) const;
  /// A whole number from `least` to `most`.
  Option range(int least, int most) const;
  /// A number above 0.
  Option positive() const;
  Option one_of(const std::vector<std::string>& words) const;

 private:
  CLI::Option* option_;
};

/// A command on which flags and subcommands are declared.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  Command add_subcommand(const std::string& name, const std::string& help) const;
  void require_one_subcommand() const;

  /// Parsing writes to `value`, which must outlive it; a name without dashes is positional. T is
  /// one of the types that command_line.cpp lists; others do not link.
  template <typename T>
  Option add_option(const std::string& name, T& value, const std::string& help = "") const;
  Option add_flag(const std::string& name, bool& value, const std::string& help) const;

  /// Text below the options in --help.
  void footer(const std::string& text) const;
  /// Called once the command line was parsed, if it names this command.
  void callback(const std::function<void()>& call) const;

  /// The command as CLI11 knows it.
  CLI::App& parser() const { return *app_; }

 private:
  CLI::App* app_;
};

}  // namespace weft::app
