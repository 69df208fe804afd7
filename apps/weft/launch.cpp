#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "apps/weft/commands.hpp"
#include "apps/weft/launch_variables.hpp"
#include "weft/comm/mpi_session.hpp"
#include "weft/comm/mpi_world.hpp"

namespace weft::app {

namespace {

/// What would carry a command that is started like this one.
struct Verdict {
  std::string world = "none";
  int ranks = 0;
  int local_ranks = 0;
  bool is_first = true;
  std::string problem;
  std::string hint;
};

Verdict try_world(const comm::Launch& launch, Logger& logger) {
  Verdict verdict;
  try {
    const auto world = comm::make_world(launch, logger, {});
    verdict.world = world->kind();
    if (const auto* mpi = dynamic_cast<const comm::MpiWorld*>(world.get())) {
      verdict.ranks = mpi->size();
      verdict.local_ranks = mpi->local_size();
      verdict.is_first = mpi->rank() == 0;
    }
  } catch (const Error& error) {
    verdict.problem = error.what();
    verdict.hint = error.hint();
  }
  return verdict;
}

void print_json(const comm::Launch& launch, const Verdict& verdict, Logger& logger) {
  nlohmann::ordered_json variables = nlohmann::ordered_json::object();
  for (const auto& variable : launch.variables) variables[variable.name] = variable.value;
  nlohmann::ordered_json object = {{"launcher", launch.launcher},
                                   {"variables", variables},
                                   {"announced", launch.announced},
                                   {"mpi", comm::mpi_library_version()},
                                   {"world", verdict.world},
                                   {"ranks", verdict.ranks},
                                   {"local_ranks", verdict.local_ranks},
                                   {"reasons", launch.reasons},
                                   {"problem", verdict.problem},
                                   {"hint", verdict.hint}};
  logger.result(object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void print_text(const comm::Launch& launch, const Verdict& verdict, Logger& logger) {
  logger.result("launcher: " + launch.launcher);
  for (const auto& variable : launch.variables) {
    logger.result(fmt::format("  {} = {}", variable.name, variable.value));
  }
  logger.result(fmt::format("announced processes: {}", launch.announced));
  logger.result("MPI: " + comm::mpi_library_version());
  if (verdict.world == "mpi") {
    logger.result(fmt::format("world: mpi, {} ranks, {} of them on this machine", verdict.ranks,
                              verdict.local_ranks));
  } else if (verdict.world == "threads") {
    logger.result("world: threads, as many ranks as the command asks for (--world-size)");
  } else {
    logger.result("world: none; a command started like this ends with exit code 2");
  }
  for (const std::string& reason : launch.reasons) logger.result("  because " + reason);
  if (!verdict.problem.empty()) logger.result("problem: " + verdict.problem);
  if (!verdict.hint.empty()) logger.result("try: " + verdict.hint);
}

int explain(const Program& program, Logger& logger) {
  const comm::Launch launch = launch_of_environment();
  const Verdict verdict = try_world(launch, logger);
  if (!verdict.is_first) return 0;
  program.json ? print_json(launch, verdict, logger) : print_text(launch, verdict, logger);
  return 0;
}

}  // namespace

void add_launch(Command app, Program& program) {
  const Command launch = app.add_subcommand("launch", "how ranks are started");
  launch.require_one_subcommand();
  const Command command = launch.add_subcommand(
      "explain", "shows which launcher was detected, why, and which world a command gets");
  command.footer("Example:\n  mpirun -np 2 weft launch explain");
  command.add_flag("--json", program.json, "one JSON object on stdout");
  command.add_flag("--quiet", program.quiet, "results and errors only");
  command.callback([&program] {
    program.run = [&program](Logger& logger) { return explain(program, logger); };
  });
}

}  // namespace weft::app
