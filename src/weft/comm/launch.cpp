#include "weft/comm/launch.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/comm/mpi_world.hpp"
#include "weft/comm/thread_world.hpp"

namespace weft::comm {

namespace {

constexpr std::array<std::string_view, 10> kNames = {
    "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "PMIX_RANK",    "PMI_SIZE", "PMI_RANK",
    "SLURM_NTASKS",         "SLURM_PROCID",         "SLURM_JOB_ID", "RANK",     "WORLD_SIZE"};

/// Who announces how many processes, the most specific first.
struct Announcer {
  std::string_view variable;
  std::string_view launcher;
};
constexpr std::array<Announcer, 4> kAnnouncers = {{{"OMPI_COMM_WORLD_SIZE", "mpirun"},
                                                   {"PMI_SIZE", "a PMI launcher"},
                                                   {"SLURM_NTASKS", "Slurm"},
                                                   {"WORLD_SIZE", "torchrun"}}};

const std::string* find(const Launch& launch, std::string_view name) {
  const auto found = std::ranges::find(launch.variables, name, &LaunchVariable::name);
  return found == launch.variables.end() ? nullptr : &found->value;
}

std::optional<int> positive_number(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 1) return std::nullopt;
  return number;
}

[[noreturn]] void refuse(const Launch& launch, int mpi_ranks, const char* why) {
  fail_with_hint(ErrorKind::usage,
                 fmt::format("mpirun -np {} --bind-to none weft ..., or one process and "
                             "--world-size {} for ranks that are threads",
                             launch.announced, launch.announced),
                 "{} announces {} processes ({}={}), but MPI has {} rank{}: {}", launch.launcher,
                 launch.announced, launch.announced_by, launch.announced, mpi_ranks,
                 mpi_ranks == 1 ? "" : "s", why);
}

}  // namespace

std::span<const std::string_view> launch_variable_names() { return kNames; }

Launch detect_launch(std::vector<LaunchVariable> variables) {
  Launch launch;
  launch.variables = std::move(variables);
  for (const Announcer& announcer : kAnnouncers) {
    const std::string* value = find(launch, announcer.variable);
    if (value == nullptr) continue;
    const auto count = positive_number(*value);
    if (!count) {
      launch.reasons.push_back(
          fmt::format("{}={} is no count and is ignored", announcer.variable, *value));
    } else if (launch.announced_by.empty()) {
      launch.launcher = announcer.launcher;
      launch.announced = *count;
      launch.announced_by = announcer.variable;
      launch.reasons.push_back(fmt::format("{}={}: {} announces {} process{}", announcer.variable,
                                           *value, announcer.launcher, *count,
                                           *count == 1 ? "" : "es"));
    } else if (*count != launch.announced) {
      launch.reasons.push_back(
          fmt::format("{}={} is overruled by {}", announcer.variable, *value, launch.announced_by));
    }
  }
  for (const std::string_view name : {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "PMI_RANK"}) {
    if (find(launch, name) == nullptr) continue;
    launch.by_mpi = true;
    launch.reasons.push_back(fmt::format("{} is set: MPI can find the other processes", name));
    break;
  }
  if (launch.announced_by.empty()) {
    launch.reasons.emplace_back("no launcher's variable announces processes");
  }
  if (!launch.by_mpi) {
    launch.reasons.emplace_back(
        "neither OMPI_COMM_WORLD_SIZE nor PMIX_RANK nor PMI_RANK is set: not started for MPI");
  }
  launch.reasons.emplace_back(launch.announced > 1
                                  ? "more than one process: one rank per process, with MPI"
                                  : "one process: ranks are threads");
  return launch;
}

std::unique_ptr<World> make_world(const Launch& launch, Logger& logger, const WorldConfig& config) {
  if (launch.announced <= 1) return std::make_unique<ThreadWorld>(logger, config);
  if (!launch.by_mpi) refuse(launch, 1, "the processes were not started by an MPI launcher");
  auto world = std::make_unique<MpiWorld>(logger, config);
  const int size = world->size();
  if (size == launch.announced) return world;
  world.reset();
  refuse(launch, size, "the launcher speaks to another MPI than this program's Open MPI");
}

}  // namespace weft::comm
