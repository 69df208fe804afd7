#include "apps/weft/time_flags.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "apps/weft/flag_values.hpp"

namespace weft::app {

using schedule::CostModel;

void set_costs(const std::string& text, CostModel& model) {
  const std::vector<std::string> parts = split(text, ',');
  if (parts.size() != 3) {
    fail_with_hint(ErrorKind::usage, "--costs 1,1,1",
                   "--costs has {} values (got {}, expected three: forward, input gradient, weight "
                   "gradient)",
                   parts.size(), text);
  }
  const auto cost = [&](const std::string& part) {
    const std::string expected = "three numbers of at least 0";
    const double value = number(part, "--costs", expected, "1,1,1");
    return within(value, 0, kMostTime, "--costs", expected, "1,1,1");
  };
  model.forward = cost(parts[0]);
  model.backward_input = cost(parts[1]);
  model.backward_weight = cost(parts[2]);
}

namespace {

void set_slow_ranks(const std::vector<std::string>& texts, CostModel& model) {
  if (!texts.empty()) model.rank_slowdown.assign(static_cast<size_t>(model.num_ranks), 1);
  std::vector<int64_t> seen;
  for (const std::string& text : texts) {
    const std::string expected = fmt::format(
        "RANK:FACTOR with a rank from 0 to {} and a factor of at least 0", model.num_ranks - 1);
    const std::string example = fmt::format("{}:1.5", model.num_ranks / 2);
    const std::vector<std::string> parts = split(text, ':');
    if (parts.size() != 2) wrong_value("--slow-rank", text, expected, example);
    const double rank = number(parts[0], "--slow-rank", expected, example);
    const double factor = number(parts[1], "--slow-rank", expected, example);
    if (!(rank >= 0 && rank < static_cast<double>(model.num_ranks) && rank == std::floor(rank) &&
          factor >= 0 && factor <= kMostTime)) {
      wrong_value("--slow-rank", text, expected, example);
    }
    seen.push_back(static_cast<int64_t>(rank));
    if (std::ranges::count(seen, seen.back()) > 1) {
      fail_with_hint(ErrorKind::usage, "one --slow-rank for each",
                     "--slow-rank names rank {} twice", seen.back());
    }
    model.rank_slowdown[static_cast<size_t>(rank)] = factor;
  }
}

// Embedding, head and loss make the ends of the model heavier.
void set_weights(const SimulateOptions& options, CostModel& model) {
  if (options.first_weight == 1 && options.last_weight == 1) return;
  model.atom_weight.assign(static_cast<size_t>(model.num_ranks * model.num_atoms()), 1);
  const std::string expected = "a number of at least 0";
  model.atom_weight.front() *=
      within(options.first_weight, 0, kMostTime, "--first-weight", expected, "1.3");
  model.atom_weight.back() *=
      within(options.last_weight, 0, kMostTime, "--last-weight", expected, "2.5");
}

void set_randomness(const SimulateOptions& options, CostModel& model) {
  const auto sigma = [](double value, const std::string& flag) {
    return within(value, 0, 5, flag, "0 to 5", "0.3");
  };
  model.jitter_sigma = sigma(options.jitter, "--jitter");
  model.link_jitter_sigma = sigma(options.link_jitter, "--link-jitter");
  model.length_sigma = sigma(options.length_jitter, "--length-jitter");
  if (model.link_jitter_sigma > 0 && model.latency == 0) {
    fail_with_hint(ErrorKind::usage, "--latency 0.5", "--link-jitter has no --latency to vary");
  }
  if (options.seed < 0) wrong_value("--seed", options.seed, "at least 0", "1");
  model.seed = static_cast<uint64_t>(options.seed);
}

}  // namespace

void set_times(const SimulateOptions& options, CostModel& model) {
  set_costs(options.costs, model);
  set_slow_ranks(options.slow_ranks, model);
  set_weights(options, model);
  model.latency =
      within(options.latency, 0, kMostTime, "--latency", "a number of at least 0", "0.5");
  set_randomness(options, model);
}

}  // namespace weft::app
