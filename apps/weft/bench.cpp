#include "apps/weft/bench_links.hpp"
#include "apps/weft/commands.hpp"

namespace weft::app {

void add_bench(CLI::App& app, Program& program) {
  CLI::App* bench =
      app.add_subcommand("bench", "measurements, each beside the machine's own limit");
  bench->require_subcommand(1);
  add_bench_links(*bench, program);
}

}  // namespace weft::app
