#pragma once

#include <random>
#include <vector>

#include "weft/schedule/pipeline_schedule.hpp"

namespace weft::testing {

/// A schedule that random_schedule has finished in part; written without the library's own
/// bookkeeping.
class ScheduleDraw {
 public:
  ScheduleDraw(schedule::StageMap stages, int64_t num_microbatches, std::mt19937_64& random)
      : random_(random), done_(static_cast<size_t>(stages.num_stages())) {
    drawn_.stages = stages;
    drawn_.num_microbatches = num_microbatches;
    drawn_.ranks.resize(static_cast<size_t>(stages.num_ranks));
    // Joined, split, and both in one schedule.
    const auto style = random_() % 3;
    for (Stage& stage : done_) {
      for (int64_t m = 0; m < num_microbatches; ++m) {
        stage.splits.push_back(style == 0 || (style == 1 && random_() % 2 == 0));
      }
    }
  }

  /// Runs a random ready task until all have run.
  schedule::PipelineSchedule run() {
    for (;;) {
      std::vector<Ready> ready;
      for (int64_t stage = 0; stage < drawn_.stages.num_stages(); ++stage) add_ready(stage, ready);
      if (ready.empty()) return drawn_;
      start(ready[random_() % ready.size()]);
    }
  }

 private:
  using Kind = schedule::TaskKind;
  struct Stage {
    int64_t forwards = 0, inputs = 0, weights = 0;
    std::vector<bool> splits;  ///< [microbatch] B and W rather than D
  };
  struct Ready {
    Kind kind;
    int64_t stage;
  };

  Stage& at(int64_t stage) { return done_[static_cast<size_t>(stage)]; }

  void add_ready(int64_t stage, std::vector<Ready>& ready) {
    const Stage& own = at(stage);
    const int64_t all = drawn_.num_microbatches;
    const bool last = stage + 1 == drawn_.stages.num_stages();
    if (own.forwards < all && (stage == 0 || at(stage - 1).forwards > own.forwards)) {
      ready.push_back({Kind::forward, stage});
    }
    if (own.inputs < own.forwards && (last || at(stage + 1).inputs > own.inputs)) {
      if (own.splits[static_cast<size_t>(own.inputs)]) {
        ready.push_back({Kind::backward_input, stage});
      } else if (own.weights == own.inputs) {
        ready.push_back({Kind::backward, stage});
      }
    }
    if (own.weights < own.inputs) ready.push_back({Kind::backward_weight, stage});
  }

  void start(const Ready& ready) {
    Stage& own = at(ready.stage);
    const int64_t microbatch = ready.kind == Kind::forward           ? own.forwards
                               : ready.kind == Kind::backward_weight ? own.weights
                                                                     : own.inputs;
    if (ready.kind == Kind::forward) ++own.forwards;
    if (ready.kind == Kind::backward_input || ready.kind == Kind::backward) ++own.inputs;
    if (ready.kind == Kind::backward_weight || ready.kind == Kind::backward) ++own.weights;
    drawn_.ranks[static_cast<size_t>(drawn_.stages.rank_of(ready.stage))].push_back(
        {ready.kind, drawn_.stages.chunk_of(ready.stage), microbatch});
  }

  std::mt19937_64& random_;
  schedule::PipelineSchedule drawn_;
  std::vector<Stage> done_;
};

/// A valid schedule of random shape (at most 5 ranks, 3 chunks, 6 microbatches) and random order.
inline schedule::PipelineSchedule random_schedule(std::mt19937_64& random) {
  const auto up_to = [&random](uint64_t most) { return static_cast<int64_t>(random() % most) + 1; };
  schedule::StageMap stages{schedule::Mapping::loop, up_to(5), up_to(3)};
  // With one rank or one chunk both mappings are the same.
  if (stages.num_ranks > 1 && stages.num_chunks > 1 && random() % 2 == 0) {
    stages.mapping = schedule::Mapping::wave;
  }
  return ScheduleDraw(stages, up_to(6), random).run();
}

}  // namespace weft::testing
