#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "apps/weft/command_line.hpp"
#include "weft/base/logger.hpp"

namespace weft::app {

/// What the subcommands share. A subcommand's add function declares it on its parent and makes
/// its callback set `run`, which main calls inside its error handler.
struct Program {
  bool json = false;   ///< --json: one JSON object on stdout
  bool quiet = false;  ///< --quiet: results and errors only
  /// Words after `weft pretrain`, `weft config show`, `weft bench train|gemm|kernels`, which
  /// the option table describes.
  std::vector<std::string> option_words;
  std::function<int(Logger&)> run;
};

// One per subcommand, each in the file of its name.
void add_pretrain(Command app, Program& program);
void add_preprocess(Command app, Program& program);
void add_tokenizer(Command app, Program& program);
void add_data(Command app, Program& program);
void add_generate(Command app, Program& program);
void add_simulate(Command app, Program& program);
void add_plan(Command app, Program& program);
void add_explain(Command app, Program& program);
void add_bench(Command app, Program& program);
void add_config(Command app, Program& program);
void add_completion(Command app, Program& program);
void add_launch(Command app, Program& program);
void add_selftest(Command app, Program& program);

/// Declare `weft bench schedules`, `train`, `gemm` and `kernels` on the bench command.
void add_bench_schedules(Command bench, Program& program);
void add_bench_train(Command bench, Program& program);
void add_bench_gemm(Command bench, Program& program);
void add_bench_kernels(Command bench, Program& program);
void add_bench_pipeline(Command bench, Program& program);

/// The names that a flag of `weft simulate` takes, separated by blanks, for completion.
std::string names_of_simulate(std::string_view flag);

/// What `weft --version` prints.
std::string version_text();

}  // namespace weft::app
