#include "weft/schedule/cost_model.hpp"

#include <cmath>

#include "weft/base/error.hpp"
#include "weft/schedule/jitter.hpp"

namespace weft::schedule {

namespace {

bool is_duration(double value) { return std::isfinite(value) && value >= 0; }

void check_model(const CostModel& model, int64_t num_chunks) {
  check(model.num_ranks > 0 && model.virtual_chunks > 0 && model.num_microbatches > 0,
        ErrorKind::usage, "{} ranks, {} virtual chunks, {} microbatches (expected at least 1 each)",
        model.num_ranks, model.virtual_chunks, model.num_microbatches);
  check(num_chunks > 0 && model.num_atoms() % num_chunks == 0, ErrorKind::usage,
        "{} chunks per rank do not divide the {} equal pieces that a rank of {} virtual chunks is "
        "cut into",
        num_chunks, model.num_atoms(), model.virtual_chunks);
  check(is_duration(model.forward) && is_duration(model.backward_input) &&
            is_duration(model.backward_weight) && is_duration(model.latency),
        ErrorKind::usage, "costs {}, {}, {} and latency {} (expected finite numbers of at least 0)",
        model.forward, model.backward_input, model.backward_weight, model.latency);
  for (const double sigma : {model.jitter_sigma, model.link_jitter_sigma, model.length_sigma}) {
    check(is_duration(sigma) && sigma <= 5, ErrorKind::usage,
          "a standard deviation of {} (expected 0 to 5)", sigma);
  }
  const auto expect_size = [](const std::vector<double>& values, int64_t size, const char* what) {
    check(values.empty() || static_cast<int64_t>(values.size()) == size, ErrorKind::usage,
          "{} {} (expected {})", values.size(), what, size);
    for (const double value : values) {
      check(is_duration(value), ErrorKind::usage, "{} of {} (expected finite and at least 0)", what,
            value);
    }
  };
  expect_size(model.rank_slowdown, model.num_ranks, "rank slowdowns");
  expect_size(model.atom_weight, model.num_ranks * model.num_atoms(), "atom weights");
}

}  // namespace

Graph make_graph(const CostModel& model, Mapping mapping, int64_t num_chunks,
                 bool splits_backward) {
  check_model(model, num_chunks);
  const StageMap stages{mapping, model.num_ranks, num_chunks};
  Graph graph(stages, model.num_microbatches, splits_backward);
  const int64_t stage_atoms = model.num_atoms() / num_chunks;
  const double atom =
      static_cast<double>(model.virtual_chunks) / static_cast<double>(model.num_atoms());
  struct Cost {
    TaskKind kind;
    JitterKind jitter;
    double time;
  };
  const Cost costs[] = {
      {TaskKind::forward, JitterKind::forward, atom * model.forward},
      {TaskKind::backward_input, JitterKind::backward_input, atom * model.backward_input},
      {TaskKind::backward_weight, JitterKind::backward_weight, atom * model.backward_weight}};
  for (int64_t stage = 0; stage < stages.num_stages(); ++stage) {
    graph.set_charge(stage, stage_atoms);
    const auto rank = static_cast<size_t>(stages.rank_of(stage));
    const double slowdown = model.rank_slowdown.empty() ? 1 : model.rank_slowdown[rank];
    for (int64_t m = 0; m < model.num_microbatches; ++m) {
      const double length = jitter(model.length_sigma, model.seed, JitterKind::length, 0, m);
      for (const Cost& cost : costs) {
        double sum = 0;
        for (int64_t u = stage * stage_atoms; u < (stage + 1) * stage_atoms; ++u) {
          const double weight =
              model.atom_weight.empty() ? 1 : model.atom_weight[static_cast<size_t>(u)];
          sum += cost.time * weight * jitter(model.jitter_sigma, model.seed, cost.jitter, u, m);
        }
        graph.set_duration(cost.kind, stage, m, slowdown * length * sum);
      }
      const auto link = [&](JitterKind kind) {
        return model.latency * jitter(model.link_jitter_sigma, model.seed, kind, stage, m);
      };
      graph.set_forward_latency(stage, m, link(JitterKind::forward_message));
      graph.set_backward_latency(stage, m, link(JitterKind::backward_message));
    }
  }
  return graph;
}

std::vector<double> slow_rank(int64_t num_ranks, int64_t rank, double factor) {
  check(rank >= 0 && rank < num_ranks, ErrorKind::usage, "slow rank {} (expected 0 to {})", rank,
        num_ranks - 1);
  std::vector<double> slowdown(static_cast<size_t>(num_ranks), 1);
  slowdown[static_cast<size_t>(rank)] = factor;
  return slowdown;
}

}  // namespace weft::schedule
