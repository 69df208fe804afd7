// The negative control of the banker (reference/schedules.md 2.4): with the plain test of the cap
// in its place most runs deadlock, and the simulator names the cycle.
#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <optional>
#include <set>
#include <string_view>

#include "reference/commit_log_check.hpp"
#include "schedule/random_instance.hpp"
#include "weft/schedule/admission.hpp"

namespace weft::schedule {
namespace {

using ::weft::reference::CommitLogCheck;
using ::weft::testing::draw_instance;
using ::weft::testing::Instance;
using ::weft::testing::kSmall;
using ::weft::testing::list_policies;

/// A list policy whose admission is `used + charge <= cap` and nothing else.
class PlainCapPolicy final : public Policy {
 public:
  explicit PlainCapPolicy(ListPolicyConfig config) : config_(std::move(config)) {}

  Decision choose(const View& view) const override {
    std::optional<Task> best;
    std::array<double, 4> best_key{};
    for (int64_t chunk = 0; chunk < view.rank.num_chunks(); ++chunk) {
      const bool split = view.rank.graph().splits_backward();
      for (const TaskKind kind : {split ? TaskKind::backward_input : TaskKind::backward,
                                  TaskKind::forward, TaskKind::backward_weight}) {
        if (!view.rank.is_ready(kind, chunk)) continue;
        if (kind == TaskKind::forward && !fits(view.rank, chunk)) continue;
        const Task task{kind, chunk, view.rank.next(kind, chunk)};
        const std::array<double, 4> key = key_of(view.rank, task);
        if (best && key >= best_key) continue;
        best = task;
        best_key = key;
      }
    }
    return best ? Decision::run(*best) : Decision::wait(view);
  }

 private:
  bool fits(const RankState& rank, int64_t chunk) const {
    if (config_.wip_limit && !wip_admits(rank, chunk, *config_.wip_limit)) return false;
    return !rank.cap() || rank.used() + rank.charge(chunk) <= *rank.cap();
  }

  /// A.2's table.
  std::array<double, 4> key_of(const RankState& rank, const Task& task) const {
    const bool forward = task.kind == TaskKind::forward;
    const bool weight = task.kind == TaskKind::backward_weight;
    const double kind = forward ? 1 : weight ? 2 : 0;
    const auto c = static_cast<double>(task.chunk);
    const auto m = static_cast<double>(task.microbatch);
    const auto s = static_cast<double>(rank.stage(task.chunk));
    switch (config_.key) {
      case ListKey::breadth_first:
        return {kind, forward ? c : -c, m, s};
      case ListKey::depth_first:
        return {kind, m, forward ? s : -s, 0};
      case ListKey::deep:
        return {kind, weight ? s : -s, m, 0};
      case ListKey::critical_path:
        return {-upward(task, rank), m, s, 0};
      case ListKey::critical_path_by_kind:
        return {kind, -upward(task, rank), m, s};
    }
    return {};
  }

  double upward(const Task& task, const RankState& rank) const {
    const auto s = static_cast<size_t>(rank.stage(task.chunk));
    if (task.kind == TaskKind::forward) return config_.upward->forward[s];
    if (task.kind == TaskKind::backward_weight) return config_.upward->backward_weight[s];
    return config_.upward->backward[s];
  }

  ListPolicyConfig config_;
};

PolicyFactory plain_cap_policies(const ListPolicyConfig& config) {
  return [config](int64_t) { return std::make_unique<PlainCapPolicy>(config); };
}

/// What a message of Simulation::deadlock says.
struct Wait {
  int64_t rank;
  Task task;
  std::string why;  ///< it waits for the next one of the chain
};

/// Reads "F0.4 on rank 0 waits for its predecessor F0.3 on rank 0, which needs ...".
class CycleText {
 public:
  explicit CycleText(std::string_view text) : rest_(text) {}

  /// The chain; nothing when the text is none that ends where it began.
  std::vector<Wait> parse() {
    std::vector<Wait> chain;
    while (std::optional<Wait> wait = take_wait()) {
      chain.push_back(*wait);
      if (rest_.empty()) break;
      if (chain.size() > 1 && !take(", which")) return {};
      chain.back().why = take_reason();
      if (chain.back().why.empty()) return {};
    }
    const bool is_circle = rest_.empty() && chain.size() > 1 &&
                           chain.front().rank == chain.back().rank &&
                           chain.front().task == chain.back().task;
    return is_circle ? chain : std::vector<Wait>{};
  }

 private:
  bool take(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  std::optional<int64_t> take_number() {
    int64_t number = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (error != std::errc()) return {};
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return number;
  }

  std::optional<Wait> take_wait() {
    for (const TaskKind kind : {TaskKind::forward, TaskKind::backward_input,
                                TaskKind::backward_weight, TaskKind::backward}) {
      if (!take(std::string(1, letter(kind)))) continue;
      const auto chunk = take_number();
      if (!chunk || !take(".")) return {};
      const auto microbatch = take_number();
      if (!microbatch || !take(" on rank ")) return {};
      const auto rank = take_number();
      if (!rank) return {};
      return Wait{*rank, {kind, *chunk, *microbatch}, {}};
    }
    return {};
  }

  std::string take_reason() {
    for (const std::string reason :
         {"needs", "waits for its predecessor", "waits for memory held until"}) {
      if (take(" " + reason + " ")) return reason;
    }
    return "";
  }

  std::string_view rest_;
};

/// Which tasks of a run have started.
class Started {
 public:
  explicit Started(const CommitLog& log) {
    for (size_t rank = 0; rank < log.ranks.size(); ++rank) {
      for (const CommitEntry& entry : log.ranks[rank]) {
        started_.insert({static_cast<int64_t>(rank), entry.task});
      }
    }
  }
  bool has(int64_t rank, const Task& task) const { return started_.contains({rank, task}); }

 private:
  std::set<std::pair<int64_t, Task>> started_;
};

/// Whether the model says that `waiting` cannot start before `blocker` has run.
bool is_real_wait(const StageMap& stages, const Started& started, const Wait& waiting,
                  const Wait& blocker) {
  const Task& task = waiting.task;
  const Task& other = blocker.task;
  if (started.has(waiting.rank, task) || started.has(blocker.rank, other)) return false;
  const bool other_frees =
      other.kind == TaskKind::backward_weight || other.kind == TaskKind::backward;
  if (waiting.why == "waits for its predecessor") {
    return blocker.rank == waiting.rank && other.kind == task.kind && other.chunk == task.chunk &&
           other.microbatch < task.microbatch;
  }
  if (waiting.why == "waits for memory held until") {
    const Task forward{TaskKind::forward, other.chunk, other.microbatch};
    return task.kind == TaskKind::forward && blocker.rank == waiting.rank && other_frees &&
           started.has(blocker.rank, forward);
  }
  if (waiting.why != "needs" || other.microbatch != task.microbatch) return false;
  const int64_t stage = stages.stage_of(waiting.rank, task.chunk);
  const int64_t other_stage = stages.stage_of(blocker.rank, other.chunk);
  switch (task.kind) {
    case TaskKind::forward:
      return other.kind == TaskKind::forward && other_stage == stage - 1;
    case TaskKind::backward_weight:
      return other.kind == TaskKind::backward_input && other_stage == stage;
    case TaskKind::backward_input:
    case TaskKind::backward:
      return (other.kind == TaskKind::forward && other_stage == stage) ||
             (other.kind == task.kind && other_stage == stage + 1);
  }
  return false;
}

void expect_named_cycle(const Graph& graph, const Simulation& run) {
  const std::vector<Wait> chain = CycleText(run.deadlock).parse();
  ASSERT_FALSE(chain.empty()) << run.deadlock;
  const Started started(run.log);
  bool waits_for_memory = false;
  for (size_t i = 0; i + 1 < chain.size(); ++i) {
    EXPECT_TRUE(is_real_wait(graph.stages(), started, chain[i], chain[i + 1]))
        << "link " << i << " of " << run.deadlock;
    waits_for_memory = waits_for_memory || chain[i].why == "waits for memory held until";
  }
  EXPECT_TRUE(waits_for_memory) << run.deadlock;
}

// Without a cap the two policies are the same, so the control differs in its admission only.
TEST(PlainCap, IsTheListPolicyWhereMemoryIsNoMatter) {
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    const Instance instance = draw_instance(seed, kSmall);
    if (!instance.list) continue;
    const PolicyLimits free{{}, instance.limits.order};
    EXPECT_EQ(simulate(instance.graph, list_policies(*instance.list), free).log,
              simulate(instance.graph, plain_cap_policies(*instance.list), free).log)
        << seed;
  }
}

TEST(PlainCap, DeadlocksInManyOfTheRandomInstances) {
  int64_t capped = 0;
  int64_t deadlocks = 0;
  for (uint64_t seed = 1; seed <= 4000; ++seed) {
    const Instance instance = draw_instance(seed, kSmall);
    if (!instance.list || !instance.limits.cap) continue;
    ++capped;
    const Simulation run =
        simulate(instance.graph, plain_cap_policies(*instance.list), instance.limits);
    CommitLogCheck check(instance.graph, run.log,
                         instance.limits.order == MicrobatchOrder::in_order);
    ASSERT_EQ(check.fault(instance.limits.cap, run.deadlock.empty()), "") << seed;
    if (run.deadlock.empty()) continue;
    ++deadlocks;
    if (instance.limits.order == MicrobatchOrder::in_order) {
      expect_named_cycle(instance.graph, run);
    }
  }
  RecordProperty("capped", static_cast<int>(capped));
  RecordProperty("deadlocks", static_cast<int>(deadlocks));
  EXPECT_GT(capped, 2000);
  EXPECT_GT(deadlocks, capped / 5);
}

/// Runs of bfc, dfc and deep under one cap.
struct GridCount {
  int64_t runs = 0;
  int64_t deadlocks = 0;  ///< of the plain test
  int64_t banker_deadlocks = 0;
};

GridCount run_grid(const std::vector<const char*>& configurations) {
  GridCount count;
  for (const char* name : configurations) {
    const CostModel base = testing::configuration(name);
    for (const char* scenario :
         {"uniform", "slow_rank", "latency", "jitter_seed1", "jitter_seed2", "jitter_seed3"}) {
      const CostModel model = testing::in_scenario(base, scenario);
      const int64_t full = base.num_ranks * base.virtual_chunks;
      for (const Mapping mapping : {Mapping::loop, Mapping::wave}) {
        const int64_t chunks = mapping == Mapping::loop ? base.virtual_chunks : 2;
        const Graph graph = make_graph(model, mapping, chunks, true);
        for (const int64_t cap : std::set<int64_t>{base.virtual_chunks, base.virtual_chunks + 1,
                                                   full / 4, full / 2, full}) {
          if (cap < base.virtual_chunks) continue;
          const PolicyLimits limits{cap * model.atoms_per_unit()};
          for (const ListKey key : {ListKey::breadth_first, ListKey::depth_first, ListKey::deep}) {
            ++count.runs;
            const Simulation plain = simulate(graph, plain_cap_policies({.key = key}), limits);
            if (!plain.deadlock.empty()) {
              ++count.deadlocks;
              expect_named_cycle(graph, plain);
            }
            const Simulation banker = simulate(graph, list_policies({.key = key}), limits);
            if (!banker.deadlock.empty()) ++count.banker_deadlocks;
          }
        }
      }
    }
  }
  return count;
}

// The grid of reference/schedules.md 2.4: the plain test hangs in 436 of its 612 runs.
TEST(PlainCap, DeadlocksInMostOfTheReferencesGrid) {
  const GridCount count = run_grid({"PP4_VPP4_M8", "PP8_VPP1_M16"});
  EXPECT_EQ(count.banker_deadlocks, 0);
  EXPECT_GT(2 * count.deadlocks, count.runs);
}

TEST(PlainCapSlow, DeadlocksInMostOfTheReferencesGrid) {
  const GridCount count =
      run_grid({"PP4_VPP4_M8", "PP8_VPP1_M16", "PP8_VPP2_M32", "PP16_VPP4_M64"});
  EXPECT_EQ(count.banker_deadlocks, 0);
  EXPECT_GT(2 * count.deadlocks, count.runs);
}

}  // namespace
}  // namespace weft::schedule
