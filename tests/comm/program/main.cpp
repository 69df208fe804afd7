// One rank, or a world of threads, of the tests that need a launcher: weft_comm_program MODE ...
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <memory>
#include <string>

#include "comm/conformance.hpp"
#include "weft/comm/mpi_world.hpp"
#include "weft/comm/thread_world.hpp"

namespace {

using namespace weft;
using namespace weft::comm;

struct Options {
  int ranks = 2;
  double timeout = 60.0;
  std::string inject;
  int64_t max_message_bytes = int64_t{1} << 30;
};

int run(World& world, int ranks) {
  uint64_t hash = 0;
  world.run(ranks, [&](RankContext& context) {
    const uint64_t own = testing::run_conformance_of_world(context);
    if (context.is_first()) hash = own;
  });
  if (hash != 0) fmt::print("{:016x}\n", hash);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"ranks for tests"};
  Options options;
  app.add_option("--ranks", options.ranks);
  app.add_option("--timeout", options.timeout);
  app.add_option("--inject", options.inject);
  app.add_option("--max-message-bytes", options.max_message_bytes);
  CLI11_PARSE(app, argc, argv);
  ConsoleLogger logger;
  try {
    const WorldConfig config{.threads_per_rank = 1,
                             .timeout = std::chrono::duration<double>(options.timeout),
                             .faults = parse_faults(options.inject)};
    if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) {
      ThreadWorld world(logger, config);
      return run(world, options.ranks);
    }
    MpiWorld world(logger, config, options.max_message_bytes);
    return run(world, world.size());
  } catch (const ReleasedError& error) {
    return exit_code(error.kind());
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    return exit_code(error.kind());
  }
}
