#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "weft/base/logger.hpp"

namespace weft::app {

/// What the subcommands share. A subcommand's add function declares it on the CLI11 application and
/// makes its callback set `run`, which main calls inside its error handler.
struct Program {
  bool json = false;   ///< --json: one JSON object on stdout
  bool quiet = false;  ///< --quiet: results and errors only
  /// Words after `weft pretrain`, `weft config show`, `weft bench train|gemm|kernels`, which
  /// the option table describes.
  std::vector<std::string> option_words;
  std::function<int(Logger&)> run;
};

// One per subcommand, each in the file of its name.
void add_pretrain(CLI::App& app, Program& program);
void add_preprocess(CLI::App& app, Program& program);
void add_tokenizer(CLI::App& app, Program& program);
void add_data(CLI::App& app, Program& program);
void add_generate(CLI::App& app, Program& program);
void add_simulate(CLI::App& app, Program& program);
void add_explain(CLI::App& app, Program& program);
void add_bench(CLI::App& app, Program& program);
void add_config(CLI::App& app, Program& program);
void add_completion(CLI::App& app, Program& program);
void add_bench(CLI::App& app, Program& program);
void add_launch(CLI::App& app, Program& program);
void add_selftest(CLI::App& app, Program& program);

/// Declare `weft bench schedules`, `train`, `gemm` and `kernels` on the bench command.
void add_bench_schedules(CLI::App& bench, Program& program);
void add_bench_train(CLI::App& bench, Program& program);
void add_bench_gemm(CLI::App& bench, Program& program);
void add_bench_kernels(CLI::App& bench, Program& program);

/// The names that a flag of `weft simulate` takes, separated by blanks, for completion.
std::string names_of_simulate(std::string_view flag);

/// What `weft --version` prints.
std::string version_text();

}  // namespace weft::app
