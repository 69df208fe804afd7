// One rank, or a world of threads, of the tests that need a launcher: weft_comm_program MODE ...
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <map>
#include <string>

#include "comm/conformance.hpp"
#include "comm/random_program.hpp"
#include "weft/comm/communicator.hpp"
#include "weft/comm/link_receiver.hpp"
#include "weft/comm/link_sender.hpp"
#include "weft/comm/mpi_world.hpp"
#include "weft/comm/thread_world.hpp"

namespace {

using namespace weft;
using namespace weft::comm;

struct Options {
  std::string mode;
  int ranks = 2;
  double timeout = 60.0;
  std::string inject;
  int64_t max_message_bytes = int64_t{1} << 24;
  uint64_t seed = 1;
  int count = 1;
  std::string pid_file;
  bool without_shared_memory = false;
};

/// Prints one hash of all results of all ranks.
void conformance(RankContext& context, const Options& /*options*/) {
  const uint64_t hash = testing::run_conformance_of_world(context);
  if (context.is_first()) fmt::print("{:016x}\n", hash);
}

void random_programs(RankContext& context, const Options& options) {
  for (int i = 0; i < options.count; ++i) {
    const auto seed = options.seed + static_cast<uint64_t>(i);
    testing::run_program(context, testing::random_program(seed, context.world_size));
  }
  if (context.is_first()) fmt::print("{} programs\n", options.count);
}

void mutated_program(RankContext& context, const Options& options) {
  const auto program = testing::random_program(options.seed, context.world_size);
  testing::run_program(context, program, testing::random_mutation(program, options.seed));
}

/// Prints whether the other ranks can read this one's link buffers.
void link_memory(RankContext& context, const Options& /*options*/) {
  const bool is_shared = &context.endpoint->link_memory(1) != &host_memory();
  if (context.is_first()) fmt::print("{}\n", is_shared ? "shared" : "own");
}

/// Rounds of an all_reduce and a hand-over to the next rank.
void ring(RankContext& context, const Options& options) {
  if (!options.pid_file.empty()) {
    std::ofstream(fmt::format("{}.{}", options.pid_file, context.rank)) << getpid() << "\n";
  }
  constexpr int64_t kBytes = 4096;
  const int size = context.world_size;
  const int from = (context.rank + size - 1) % size;
  Tensor data({17}, DType::f32);
  LinkSender sender(*context.endpoint, {.stage = context.rank}, (context.rank + 1) % size, kBytes);
  LinkReceiver receiver(*context.endpoint, {.stage = from}, from, kBytes, 2);
  Buffer saved(kBytes);
  receiver.begin_step(options.count);
  for (int i = 0; i < options.count; ++i) {
    context.world().all_reduce(data);
    sender.wait_free();
    sender.send(i, DType::f32, {1024});
    receiver.wait(i);
    receiver.take(i, saved);
  }
}

/// As ring, and rank 1 is killed in the middle, the way `kill -9` does it.
void killed(RankContext& context, const Options& options) {
  ring(context, options);
  if (context.rank == 1) std::raise(SIGKILL);
  context.world().barrier();
}

/// Rank 1 calls something else than the others.
void wrong_size(RankContext& context, const Options& /*options*/) {
  Tensor data({context.rank == 1 ? 18 : 17}, DType::f32);
  context.world().barrier();
  context.world().all_reduce(data);
}

void wrong_order(RankContext& context, const Options& /*options*/) {
  Tensor data({17}, DType::f32);
  if (context.rank == 1) {
    context.world().broadcast(data, 0);
    context.world().all_reduce(data);
  } else {
    context.world().all_reduce(data);
    context.world().broadcast(data, 0);
  }
}

void skipped(RankContext& context, const Options& /*options*/) {
  Tensor data({17}, DType::f32);
  context.world().all_reduce(data);
  if (context.rank != 1) context.world().all_reduce(data);
}

/// Broadcasts more bytes than an int counts.
void large(RankContext& context, const Options& /*options*/) {
  constexpr int64_t kBytes = (int64_t{1} << 31) + 1001;
  Tensor data({kBytes}, DType::u8);
  const auto bytes = data.span<uint8_t>();
  if (context.rank == 0) {
    for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(i * 2654435761U >> 7);
  }
  context.world().broadcast(data, 0);
  for (size_t i = 0; i < bytes.size(); ++i) {
    check(bytes[i] == static_cast<uint8_t>(i * 2654435761U >> 7), ErrorKind::internal,
          "byte {} is wrong", i);
  }
  if (context.is_first()) fmt::print("{} bytes\n", kBytes);
}

int run(World& world, int ranks, const Options& options) {
  const std::map<std::string, std::function<void(RankContext&, const Options&)>> modes = {
      {"conformance", conformance},
      {"random", random_programs},
      {"mutated", mutated_program},
      {"link-memory", link_memory},
      {"ring", ring},
      {"killed", killed},
      {"wrong-size", wrong_size},
      {"wrong-order", wrong_order},
      {"skipped", skipped},
      {"large", large}};
  world.run(ranks, [&](RankContext& context) { modes.at(options.mode)(context, options); });
  return 0;
}

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// For tests that bound how long a failing rank takes, without its launcher.
void print_times(int rank, double began) {
  fmt::print(stderr, "rank {} began at {:.3f} and left at {:.3f}\n", rank, began, seconds_now());
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"ranks for tests"};
  Options options;
  app.add_option("mode", options.mode)->required();
  app.add_option("--ranks", options.ranks);
  app.add_option("--timeout", options.timeout);
  app.add_option("--inject", options.inject);
  app.add_option("--max-message-bytes", options.max_message_bytes);
  app.add_option("--seed", options.seed);
  app.add_option("--count", options.count);
  app.add_option("--pid-file", options.pid_file);
  app.add_flag("--no-shared-memory", options.without_shared_memory);
  CLI11_PARSE(app, argc, argv);
  ConsoleLogger logger;
  int rank = 0;
  double began = seconds_now();
  try {
    const WorldConfig config{.threads_per_rank = 1,
                             .timeout = std::chrono::duration<double>(options.timeout),
                             .shares_memory = !options.without_shared_memory,
                             .faults = parse_faults(options.inject)};
    if (std::getenv("OMPI_COMM_WORLD_SIZE") == nullptr) {
      ThreadWorld world(logger, config);
      return run(world, options.ranks, options);
    }
    MpiWorld world(logger, config, options.max_message_bytes);
    rank = world.rank();
    began = seconds_now();
    return run(world, world.size(), options);
  } catch (const ReleasedError& error) {
    print_times(rank, began);
    return exit_code(error.kind());
  } catch (const Error& error) {
    fmt::print(stderr, "error: {}\n", error.what());
    print_times(rank, began);
    return exit_code(error.kind());
  }
}
