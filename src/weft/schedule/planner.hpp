#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/schedule/candidate.hpp"
#include "weft/schedule/cost_model.hpp"

namespace weft::schedule {

/// What a plan is made for.
struct PlannerConfig {
  /// The pipeline with its measured costs. Its random factors are the distributions that the plan
  /// has to live with; its seed is not used.
  CostModel model;
  std::optional<int64_t> cap{};  ///< memory of every rank in atoms; nothing: no limit

  std::optional<Mapping> mapping{};     ///< only this one
  std::optional<int64_t> num_chunks{};  ///< only this many per rank
  bool may_split_backward = true;

  /// Draws of the distributions that candidates are judged by.
  std::vector<uint64_t> seeds = {101, 102, 103, 104};
  int64_t num_orders = 20;     ///< best static schedules, and best list policies, that are followed
  int64_t num_finalists = 24;  ///< candidates that are judged on all seeds
};

/// A candidate and how it did.
struct Judgement {
  Candidate candidate;
  double nominal = 0;                ///< makespan without random factors
  std::optional<double> expected{};  ///< mean makespan over the seeds it was judged on
  int64_t num_seeds = 0;             ///< that `expected` is a mean of
  int64_t peak_charge = 0;           ///< largest of any rank and run, in atoms
  std::string verdict{};             ///< "chosen", or why not
};

struct PlannedStep {
  std::vector<Judgement> judgements;  ///< the chosen one first, then by how far they came
  const Judgement& chosen() const { return judgements.front(); }
};

/// Chooses how to run a step (after reference/schedules.md A.5): the best static schedules that fit
/// the memory and the best list policies, each followed exactly or with gaps filled by four rules,
/// and the list policies themselves; of those that without random factors are no worse than the
/// best static schedule, the one with the least mean makespan over draws of the distributions. Ties
/// go to the simpler one. Throws Error{usage} when nothing fits the memory.
PlannedStep plan_step(const PlannerConfig& config);

}  // namespace weft::schedule
