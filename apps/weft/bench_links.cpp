#include "apps/weft/bench_links.hpp"

#include <fmt/format.h>

#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "apps/weft/launch_variables.hpp"
#include "apps/weft/link_measurements.hpp"
#include "weft/comm/fault.hpp"
#include "weft/comm/launch.hpp"

namespace weft::app {

namespace {

struct BenchLinksOptions {
  int world_size = 0;  // 0: the launcher's processes, or 2 threads
  int rounds = 1;
  std::string inject;
  double timeout_minutes = 1.0;
  bool without_shared_memory = false;
};

nlohmann::ordered_json to_json(const LinkMeasurements& result, std::string_view world, int ranks) {
  nlohmann::ordered_json object = {{"world", world}, {"ranks", ranks}};
  for (const HandOff& one : result.hand_offs) {
    const double gb_s = static_cast<double>(one.bytes) / one.latency_us * 1e-3;
    object["hand_offs"].push_back({{"bytes", one.bytes},
                                   {"latency_us", one.latency_us},
                                   {"gb_s", gb_s},
                                   {"stream_gb_s", one.stream_gb_s},
                                   {"memcpy_gb_s", one.memcpy_gb_s},
                                   {"of_memcpy", one.of_memcpy}});
  }
  for (const CollectiveTime& one : result.collectives) {
    object["collectives"].push_back(
        {{"name", one.name}, {"bytes", one.bytes}, {"median_us", one.median_us}});
  }
  for (const WakeUp& one : result.wake_ups) {
    object["wake_ups"].push_back({{"waited_ms", one.waited_ms}, {"median_us", one.median_us}});
  }
  object["waiting_cpu_percent"] = result.waiting_cpu_percent;
  return object;
}

void print_text(const LinkMeasurements& result, std::string_view world, int ranks, Logger& logger) {
  logger.result(fmt::format("world: {}, {} ranks; links between ranks 0 and 1", world, ranks));
  logger.result("hand-off        one way    stream GB/s    memcpy GB/s    of memcpy");
  for (const HandOff& one : result.hand_offs) {
    logger.result(fmt::format("{:>8} kB {:>10.1f} us {:>11.2f} {:>14.2f} {:>11.0f} %",
                              one.bytes / 1024, one.latency_us, one.stream_gb_s, one.memcpy_gb_s,
                              one.of_memcpy * 100.0));
  }
  const double memcpy_gb_s = result.hand_offs.back().memcpy_gb_s;
  logger.result("collective (f32)        size         time      GB/s    of memcpy");
  for (const CollectiveTime& one : result.collectives) {
    const double gb_s = static_cast<double>(one.bytes) / one.median_us * 1e-3;
    logger.result(fmt::format("{:<16} {:>8} kB {:>9.1f} us {:>9.2f} {:>10.0f} %", one.name,
                              one.bytes / 1024, one.median_us, gb_s, gb_s / memcpy_gb_s * 100.0));
  }
  for (const WakeUp& one : result.wake_ups) {
    logger.result(fmt::format("wake-up after {:>3.0f} ms of waiting: {:.1f} us", one.waited_ms,
                              one.median_us));
  }
  logger.result(fmt::format("processor use of a waiting rank: {:.2f} % of a core",
                            result.waiting_cpu_percent));
}

int run(const BenchLinksOptions& options, bool json, Logger& logger) {
  const comm::Launch launch = launch_of_environment();
  check(options.world_size == 0 || options.world_size >= 2, ErrorKind::usage,
        "--world-size is {}; expected at least 2", options.world_size);
  const comm::WorldConfig config{
      .timeout = std::chrono::duration<double, std::ratio<60>>(options.timeout_minutes),
      .shares_memory = !options.without_shared_memory,
      .faults = comm::parse_faults(options.inject)};
  const auto world = comm::make_world(launch, logger, config);
  const int announced = std::max(2, launch.announced);
  const int ranks = options.world_size > 0 ? options.world_size : announced;
  LinkMeasurements result;
  bool is_first = false;
  world->run(ranks, [&](comm::RankContext& context) {
    LinkMeasurements own = measure_links(context, options.rounds);
    if (!context.is_first()) return;
    result = std::move(own);
    is_first = true;
  });
  if (!is_first) return 0;
  if (json) {
    logger.result(to_json(result, world->kind(), ranks).dump());
  } else {
    print_text(result, world->kind(), ranks, logger);
  }
  return 0;
}

}  // namespace

void add_bench_links(Command bench, Program& program) {
  const Command command = bench.add_subcommand(
      "links", "measures hand-offs between ranks, collectives and waits beside memcpy");
  command.footer(
      "Example:\n  weft bench links\n  mpirun -np 2 --bind-to none weft bench links --json");
  auto options = std::make_shared<BenchLinksOptions>();
  command.add_option("--world-size", options->world_size,
                     "ranks as threads (default: 2, or what the launcher started)");
  command.add_option("--rounds", options->rounds, "multiplies the repetitions")
      .capture_default_str()
      .range(1, 1000);
  command.add_option("--inject", options->inject,
                     "faults: delay, jitter, slow-link, drop, throw, stop (docs/communication.md)");
  command
      .add_option("--distributed-timeout-minutes", options->timeout_minutes,
                  "deadline of every wait (minutes)")
      .capture_default_str()
      .positive();
  command.add_flag("--no-shared-memory", options->without_shared_memory,
                   "MPI moves all payloads between processes, as between machines");
  command.add_flag("--json", program.json, "one JSON object on stdout");
  command.add_flag("--quiet", program.quiet, "results and errors only");
  command.callback([&program, options] {
    program.run = [&program, options](Logger& logger) {
      return run(*options, program.json, logger);
    };
  });
}

}  // namespace weft::app
