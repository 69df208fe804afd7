#include "apps/weft/bench_links.hpp"
#include "apps/weft/commands.hpp"

namespace weft::app {

void add_bench(Command app, Program& program) {
  const Command bench = app.add_subcommand("bench", "Measurements, each beside its limit");
  bench.require_one_subcommand();
  add_bench_schedules(bench, program);
  add_bench_links(bench, program);
  add_bench_train(bench, program);
  add_bench_gemm(bench, program);
  add_bench_kernels(bench, program);
  add_bench_pipeline(bench, program);
}

}  // namespace weft::app
