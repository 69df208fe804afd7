#include "weft/schedule/planner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/schedule/static_schedule.hpp"

namespace weft::schedule {

namespace {

using Mode = Candidate::Mode;

/// Rounding of makespans: below this share of one another they are equal.
constexpr double kEqual = 1e-9;

constexpr std::array<FillRule, 4> kFillRules = {{{0, 0}, {1, 0}, {0.5, 0.5}, {1, 1}}};

struct Placement {
  Mapping mapping;
  int64_t num_chunks;
};

CostModel without_randomness(CostModel model) {
  model.jitter_sigma = model.link_jitter_sigma = model.length_sigma = 0;
  return model;
}

bool is_random(const CostModel& model) {
  return model.jitter_sigma > 0 || model.length_sigma > 0 ||
         (model.latency > 0 && model.link_jitter_sigma > 0);
}

bool allows(const PlannerConfig& config, const Placement& placement) {
  const bool one = placement.num_chunks == 1;  // loop and wave are the same
  return (!config.mapping || one || *config.mapping == placement.mapping) &&
         (!config.num_chunks || *config.num_chunks == placement.num_chunks) &&
         config.model.num_atoms() % placement.num_chunks == 0;
}

// VPP chunks in a loop and in a wave, and the V of two chunks.
std::vector<Placement> placements(const PlannerConfig& config) {
  const int64_t vpp = config.num_chunks.value_or(config.model.virtual_chunks);
  std::vector<Placement> all = {{Mapping::loop, vpp}, {Mapping::wave, 2}};
  if (vpp > 2) all.push_back({Mapping::wave, vpp});
  std::erase_if(all, [&](const Placement& placement) { return !allows(config, placement); });
  return all;
}

class Planning {
 public:
  explicit Planning(const PlannerConfig& config)
      : config_(config), nominal_(without_randomness(config.model)) {}

  PlannedStep run() {
    std::vector<Judgement> statics = best_of(static_candidates(), config_.num_orders);
    std::vector<Judgement> lists = best_of(list_candidates(), config_.num_orders);
    check(!statics.empty() || !lists.empty(), ErrorKind::usage,
          "no schedule fits a memory cap of {} units on every rank",
          static_cast<double>(config_.cap.value_or(0)) /
              static_cast<double>(nominal_.atoms_per_unit()));
    bar_ = statics.empty() ? lists.front().nominal : statics.front().nominal;
    std::vector<Judgement> candidates = with_modes(statics, lists);
    if (is_random(config_.model)) {
      judge(candidates, 0, 1);
      candidates = cut(std::move(candidates), config_.num_finalists, "behind on the first draw");
      judge(candidates, 1, config_.seeds.size());
    }
    candidates = cut(std::move(candidates), 1, "slower");
    candidates.front().verdict = "chosen";
    PlannedStep step;
    step.judgements = std::move(candidates);
    std::ranges::reverse(losers_);
    std::ranges::move(losers_, std::back_inserter(step.judgements));
    return step;
  }

 private:
  // Makespan by which candidates are compared.
  static double score(const Judgement& judgement) {
    return judgement.expected.value_or(judgement.nominal);
  }

  void lose(Judgement judgement, std::string why) {
    judgement.verdict = std::move(why);
    losers_.push_back(std::move(judgement));
  }

  std::vector<Candidate> static_candidates() const {
    std::vector<Candidate> candidates;
    for (const StaticSchedule& schedule : static_schedules()) {
      const int64_t chunks =
          schedule.num_chunks(config_.num_chunks.value_or(nominal_.virtual_chunks));
      if (schedule.splits_backward && !config_.may_split_backward) continue;
      if (!allows(config_, {schedule.mapping, chunks})) continue;
      Candidate candidate;
      candidate.static_name = schedule.name;
      candidate.mapping = schedule.mapping;
      candidate.num_chunks = chunks;
      candidate.splits_backward = schedule.splits_backward;
      candidates.push_back(candidate);
    }
    return candidates;
  }

  std::vector<Candidate> list_candidates() const {
    std::vector<Candidate> candidates;
    for (const Placement& placement : placements(config_)) {
      for (const ListKey key : {ListKey::depth_first, ListKey::deep, ListKey::breadth_first}) {
        for (const std::optional<int64_t> limit : wip_limits()) {
          Candidate candidate;
          candidate.key = key;
          candidate.wip_limit = limit;
          candidate.mapping = placement.mapping;
          candidate.num_chunks = placement.num_chunks;
          candidate.splits_backward = config_.may_split_backward;
          candidate.mode = Mode::dispatch;
          candidates.push_back(candidate);
        }
      }
    }
    return candidates;
  }

  // Microbatches in flight that the cap is worth, times five factors.
  std::vector<std::optional<int64_t>> wip_limits() const {
    if (!config_.cap) return {std::nullopt};
    const double full =
        static_cast<double>(*config_.cap) / static_cast<double>(nominal_.num_atoms());
    std::vector<std::optional<int64_t>> limits;
    for (const double factor : {0.75, 1.0, 1.25, 1.5, 2.0}) {
      const int64_t limit = std::max<int64_t>(1, static_cast<int64_t>(factor * full));
      if (limits.empty() || limits.back() != limit) limits.emplace_back(limit);
    }
    return limits;
  }

  // The `count` best of `candidates` without random factors that fit the memory.
  std::vector<Judgement> best_of(const std::vector<Candidate>& candidates, int64_t count) {
    std::vector<Judgement> judgements;
    for (const Candidate& candidate : candidates) {
      Judgement judgement{candidate};
      if (try_nominal(judgement)) judgements.push_back(std::move(judgement));
    }
    return cut(std::move(judgements), count, "behind without random factors");
  }

  // False when the candidate does not exist for the model or does not fit.
  bool try_nominal(Judgement& judgement) {
    Simulation run;
    try {
      run = CandidateRunner(judgement.candidate, nominal_, config_.cap).run(nominal_);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::usage) throw;
      lose(std::move(judgement), error.what());
      return false;
    }
    judgement.nominal = run.makespan;
    judgement.peak_charge = run.max_peak_charge();
    if (config_.cap && judgement.peak_charge > *config_.cap) {
      const auto unit = static_cast<double>(nominal_.atoms_per_unit());
      const double peak = static_cast<double>(judgement.peak_charge) / unit;
      lose(std::move(judgement), fmt::format("needs {} units of memory, the cap is {}", peak,
                                             static_cast<double>(*config_.cap) / unit));
      return false;
    }
    return true;
  }

  // Every order followed exactly and with each fill rule, and the list policies as they are;
  // without those that exact estimates already show to be worse than the best static schedule.
  std::vector<Judgement> with_modes(const std::vector<Judgement>& statics,
                                    const std::vector<Judgement>& lists) {
    std::vector<Judgement> candidates = statics;
    const auto add = [&](Candidate candidate) {
      Judgement judgement{candidate};
      if (try_nominal(judgement)) candidates.push_back(std::move(judgement));
    };
    for (const std::vector<Judgement>* orders : {&statics, &lists}) {
      for (const Judgement& order : *orders) {
        Candidate candidate = order.candidate;
        if (candidate.static_name.empty()) {
          candidates.push_back(order);
          candidate.mode = Mode::follow;
          add(candidate);
        }
        candidate.mode = Mode::fill;
        for (const FillRule& rule : kFillRules) {
          candidate.fill = rule;
          add(candidate);
        }
      }
    }
    std::vector<Judgement> admitted;
    for (Judgement& judgement : candidates) {
      if (judgement.nominal <= bar_ * (1 + kEqual)) {
        admitted.push_back(std::move(judgement));
      } else {
        const std::string why =
            fmt::format("without random factors {:.4g} % behind the best static schedule",
                        100 * (judgement.nominal / bar_ - 1));
        lose(std::move(judgement), why);
      }
    }
    return admitted;
  }

  // Adds the draws first .. last-1 to the expected makespans.
  void judge(std::vector<Judgement>& candidates, size_t first, size_t last) {
    for (Judgement& judgement : candidates) {
      const CandidateRunner runner(judgement.candidate, nominal_, config_.cap);
      double sum = judgement.expected.value_or(0) * static_cast<double>(judgement.num_seeds);
      for (size_t i = first; i < std::min(last, config_.seeds.size()); ++i) {
        CostModel model = config_.model;
        model.seed = config_.seeds[i];
        const Simulation run = runner.run(model);
        sum += run.makespan;
        judgement.peak_charge = std::max(judgement.peak_charge, run.max_peak_charge());
        ++judgement.num_seeds;
      }
      judgement.expected = sum / static_cast<double>(judgement.num_seeds);
    }
  }

  // The `count` best; the others lose. Equal ones keep their order: the simpler first.
  std::vector<Judgement> cut(std::vector<Judgement> candidates, int64_t count,
                             const std::string& why) {
    std::ranges::stable_sort(candidates, [](const Judgement& a, const Judgement& b) {
      return score(a) < score(b) * (1 - kEqual);
    });
    const auto kept = std::min(candidates.size(), static_cast<size_t>(count));
    for (size_t i = candidates.size(); i > kept; --i) {
      const double behind = score(candidates[i - 1]) / score(candidates.front()) - 1;
      lose(std::move(candidates[i - 1]), behind > kEqual
                                             ? fmt::format("{} ({:.3g} %)", why, 100 * behind)
                                             : "no faster than a simpler one");
    }
    candidates.resize(kept);
    return candidates;
  }

  const PlannerConfig& config_;
  CostModel nominal_;
  double bar_ = std::numeric_limits<double>::infinity();  // nominal makespan of the best static
  std::vector<Judgement> losers_;                         // the first to lose first
};

}  // namespace

PlannedStep plan_step(const PlannerConfig& config) {
  check(!config.seeds.empty() && config.num_orders > 0 && config.num_finalists > 0,
        ErrorKind::internal, "a planner without seeds, orders or finalists");
  return Planning(config).run();
}

}  // namespace weft::schedule
