#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <exception>
#include <nlohmann/json.hpp>
#include <span>
#include <string_view>

#include "apps/weft/commands.hpp"
#include "apps/weft/parse_error.hpp"
#include "weft/base/error.hpp"
#include "weft/comm/world.hpp"

namespace {

int report(const weft::Error& error, bool json) {
  const std::string hint = error.hint().empty() ? "" : "; try " + error.hint();
  fmt::print(stderr, "error: {}{}\n", error.what(), hint);
  if (json) {
    const nlohmann::ordered_json object = {
        {"error",
         {{"kind", weft::name(error.kind())}, {"message", error.what()}, {"hint", error.hint()}}}};
    fmt::print("{}\n", object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
  }
  return weft::exit_code(error.kind());
}

// Words that the option table describes are kept from CLI11, which would take `--save data` for a
// subcommand. Returns how many words are left for CLI11.
int take_option_words(std::span<char*> words, weft::app::Program& program) {
  const auto is = [&](size_t i, std::string_view text) {
    return i < words.size() && words[i] == text;
  };
  size_t kept = words.size();
  if (is(1, "pretrain") || is(1, "plan")) kept = 2;
  if (is(1, "config") && is(2, "show")) kept = 3;
  if (is(1, "bench") &&
      (is(2, "train") || is(2, "gemm") || is(2, "kernels") || is(2, "pipeline"))) {
    kept = 3;
  }
  program.option_words.assign(words.begin() + static_cast<std::ptrdiff_t>(kept), words.end());
  return static_cast<int>(kept);
}

// Suggests the command that a mistyped one begins like.
void check_command(const CLI::App& app, std::span<char*> words) {
  if (words.size() < 2 || words[1][0] == '-') return;
  std::string names;
  for (const CLI::App* command : app.get_subcommands({})) {
    if (command->check_name(words[1])) return;
    names += (names.empty() ? "" : ", ") + command->get_name();
  }
  weft::fail_with_hint(weft::ErrorKind::usage, "weft --help",
                       "unknown command (got {}, expected one of {})", words[1], names);
}

}  // namespace

int main(int argc, char** argv) {
  const std::span words(argv, static_cast<size_t>(argc));
  // A file-size limit must be an error with a message and an exit code, not a signal.
  std::signal(SIGXFSZ, SIG_IGN);
  weft::app::Program program;
  // Needed before the words are parsed, since parsing itself may fail.
  const bool json = std::any_of(words.begin(), words.end(), [](const char* word) {
    return std::string_view(word) == "--json";
  });
  CLI::App app{"weft pretrains transformer language models"};
  app.require_subcommand(1);
  app.set_version_flag("--version", weft::app::version_text);
  const weft::app::Command root(app);
  weft::app::add_pretrain(root, program);
  weft::app::add_config(root, program);
  weft::app::add_completion(root, program);
  weft::app::add_tokenizer(root, program);
  weft::app::add_preprocess(root, program);
  weft::app::add_data(root, program);
  weft::app::add_generate(root, program);
  weft::app::add_simulate(root, program);
  weft::app::add_plan(root, program);
  weft::app::add_explain(root, program);
  weft::app::add_bench(root, program);
  weft::app::add_launch(root, program);
  weft::app::add_selftest(root, program);
  try {
    check_command(app, words);
    app.parse(take_option_words(words, program), argv);
    weft::ConsoleLogger logger(program.quiet);
    return program.run(logger);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    return report(weft::app::parse_error(app, words, error), json);
  } catch (const weft::comm::ReleasedError& error) {
    return weft::exit_code(error.kind());  // the process where it happened reports it
  } catch (const weft::Error& error) {
    return report(error, json || program.json);
  } catch (const std::exception& error) {
    return report(weft::Error(weft::ErrorKind::internal, error.what()), json || program.json);
  }
}
