#include "weft/train/pretrain.hpp"

#include <unistd.h>

#include <cstdlib>

#include "apps/weft/commands.hpp"
#include "apps/weft/option_sources.hpp"
#include "weft/train/make_train_config.hpp"
#include "weft/train/option_help.hpp"

namespace weft::app {

namespace {

// A progress line is rewritten in place on a terminal only; NO_COLOR is honoured (no-color.org).
observe::ProgressOptions progress_options() {
  observe::ProgressOptions options;
  options.is_terminal = isatty(STDERR_FILENO) == 1;
  const char* no_color = std::getenv("NO_COLOR");
  options.color = options.is_terminal && (no_color == nullptr || *no_color == '\0');
  return options;
}

int pretrain(const std::vector<std::string>& words, Program& program, Logger& logger) {
  if (asks_for_help(words)) {
    std::string text = train::help_text();
    text.pop_back();
    logger.result(text);
    return 0;
  }
  const train::PreparedRun run = train::prepare_run(option_sources(words));
  program.json = run.options.values.flag("json");
  program.quiet = run.options.values.flag("quiet");
  ConsoleLogger console(program.quiet);
  if (!program.quiet) {
    for (const std::string& warning : run.options.warnings) console.warn(warning);
  }
  const observe::ProgressOptions progress = progress_options();
  return train::pretrain(run.config, run.options, program.quiet ? nullptr : &progress, console);
}

}  // namespace

void add_pretrain(Command app, Program& program) {
  const Command command = app.add_subcommand("pretrain", "Train a model (weft pretrain --help)");
  command.callback([&program] {
    program.run = [&program](Logger& logger) {
      return pretrain(program.option_words, program, logger);
    };
  });
}

}  // namespace weft::app
