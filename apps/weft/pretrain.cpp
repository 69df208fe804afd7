#include "weft/train/pretrain.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "apps/weft/commands.hpp"
#include "apps/weft/launch_variables.hpp"
#include "apps/weft/option_sources.hpp"
#include "weft/comm/launch.hpp"
#include "weft/comm/world.hpp"
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

/// What the user says wins over the launcher; rules find out when they differ from the pipeline.
std::vector<std::string> with_world_size(std::vector<std::string> words,
                                         const comm::Launch& launch) {
  const bool is_said = std::ranges::any_of(words, [](const std::string& word) {
    return word == "--world-size" || word.starts_with("--world-size=");
  });
  if (launch.announced > 1 && !is_said) {
    words.insert(words.end(), {"--world-size", std::to_string(launch.announced)});
  }
  return words;
}

/// One process speaks for all: what is wrong with the options is wrong in each of them.
bool is_first_process(const comm::Launch& launch) {
  return std::ranges::none_of(launch.variables, [](const comm::LaunchVariable& variable) {
    return (variable.name == "OMPI_COMM_WORLD_RANK" || variable.name == "PMIX_RANK" ||
            variable.name == "PMI_RANK") &&
           variable.value != "0";
  });
}

train::PreparedRun prepare(const std::vector<std::string>& words, const comm::Launch& launch) {
  try {
    return train::prepare_run(option_sources(with_world_size(words, launch)));
  } catch (const Error& error) {
    if (is_first_process(launch)) throw;
    throw comm::ReleasedError(error);
  }
}

int pretrain(const std::vector<std::string>& words, Program& program, Logger& logger) {
  if (asks_for_help(words)) {
    std::string text = train::help_text();
    text.pop_back();
    logger.result(text);
    return 0;
  }
  const comm::Launch launch = launch_of_environment();
  const train::PreparedRun run = prepare(words, launch);
  program.json = run.options.values.flag("json");
  program.quiet = run.options.values.flag("quiet");
  ConsoleLogger console(program.quiet);
  if (!program.quiet && is_first_process(launch)) {
    for (const std::string& warning : run.options.warnings) console.warn(warning);
  }
  const observe::ProgressOptions progress = progress_options();
  return train::pretrain(run.config, run.options, program.quiet ? nullptr : &progress, console,
                         launch);
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
