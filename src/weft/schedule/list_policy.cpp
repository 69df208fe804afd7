#include "weft/schedule/list_policy.hpp"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/schedule/admission.hpp"

namespace weft::schedule {

namespace {

constexpr std::array<std::pair<ListKey, std::string_view>, 5> kNames = {{
    {ListKey::depth_first, "dfc"},
    {ListKey::breadth_first, "bfc"},
    {ListKey::deep, "deep"},
    {ListKey::critical_path, "critical-path"},
    {ListKey::critical_path_by_kind, "critical-path-by-kind"},
}};

using Key = std::array<double, 4>;  // compared in order; less runs first

// Backwards free memory and feed other ranks, weight gradients wait for nobody.
double kind_class(TaskKind kind) {
  if (kind == TaskKind::forward) return 1;
  return kind == TaskKind::backward_weight ? 2 : 0;
}

double upward_rank(const UpwardRanks& upward, TaskKind kind, int64_t stage) {
  const auto& ranks = kind == TaskKind::forward           ? upward.forward
                      : kind == TaskKind::backward_weight ? upward.backward_weight
                                                          : upward.backward;
  return ranks[static_cast<size_t>(stage)];
}

Key key_of(const ListPolicyConfig& config, const RankState& rank, const Task& task) {
  const int64_t stage = rank.stage(task.chunk);
  const double kind = kind_class(task.kind);
  const bool forward = task.kind == TaskKind::forward;
  const auto c = static_cast<double>(task.chunk);
  const auto m = static_cast<double>(task.microbatch);
  const auto s = static_cast<double>(stage);
  switch (config.key) {
    case ListKey::depth_first:
      return {kind, m, forward ? s : -s, 0};
    case ListKey::breadth_first:
      return {kind, forward ? c : -c, m, s};
    case ListKey::deep:
      return {kind, task.kind == TaskKind::backward_weight ? s : -s, m, 0};
    case ListKey::critical_path:
      return {-upward_rank(*config.upward, task.kind, stage), m, s, 0};
    case ListKey::critical_path_by_kind:
      return {kind, -upward_rank(*config.upward, task.kind, stage), m, s};
  }
  return {};
}

}  // namespace

std::string_view name(ListKey key) {
  return std::ranges::find(kNames, key, &std::pair<ListKey, std::string_view>::first)->second;
}

std::optional<ListKey> list_key(std::string_view name) {
  if (name == "cp") return ListKey::critical_path;
  for (const auto& [key, known] : kNames) {
    if (known == name) return key;
  }
  return std::nullopt;
}

UpwardRanks upward_ranks(const Graph& graph) {
  const int64_t num_stages = graph.stages().num_stages();
  const auto size = static_cast<size_t>(num_stages);
  UpwardRanks up{std::vector<double>(size), std::vector<double>(size), std::vector<double>(size)};
  for (int64_t s = 0; s < num_stages; ++s) {
    const auto i = static_cast<size_t>(s);
    const double before = s == 0 ? 0 : up.backward[i - 1] + graph.backward_latency(s - 1, 0);
    up.backward_weight[i] = graph.duration(TaskKind::backward_weight, s, 0);
    up.backward[i] = graph.splits_backward() ? graph.duration(TaskKind::backward_input, s, 0) +
                                                   std::max(before, up.backward_weight[i])
                                             : graph.duration(TaskKind::backward, s, 0) + before;
  }
  for (int64_t s = num_stages - 1; s >= 0; --s) {
    const auto i = static_cast<size_t>(s);
    const double after =
        s + 1 == num_stages ? 0 : up.forward[i + 1] + graph.forward_latency(s + 1, 0);
    up.forward[i] = graph.duration(TaskKind::forward, s, 0) + std::max(after, up.backward[i]);
  }
  return up;
}

ListPolicy::ListPolicy(ListPolicyConfig config) : config_(std::move(config)) {
  check(!config_.wip_limit || *config_.wip_limit >= 1, ErrorKind::usage,
        "a limit of {} microbatches in flight (expected at least 1)",
        config_.wip_limit.value_or(0));
  const bool needs_ranks =
      config_.key == ListKey::critical_path || config_.key == ListKey::critical_path_by_kind;
  check(!needs_ranks || config_.upward != nullptr, ErrorKind::internal,
        "the policy {} has no upward ranks", name(config_.key));
}

Decision ListPolicy::choose(const View& view) const {
  constexpr std::array kSplit = {TaskKind::backward_input, TaskKind::forward,
                                 TaskKind::backward_weight};
  constexpr std::array kJoint = {TaskKind::backward, TaskKind::forward};
  const RankState& rank = view.rank;
  const std::span<const TaskKind> kinds = rank.graph().splits_backward()
                                              ? std::span<const TaskKind>(kSplit)
                                              : std::span<const TaskKind>(kJoint);
  std::optional<Task> best;
  Key best_key{};
  for (const TaskKind kind : kinds) {
    for (int64_t chunk = 0; chunk < rank.num_chunks(); ++chunk) {
      if (!rank.is_ready(kind, chunk)) continue;
      const Task task{kind, chunk, rank.next(kind, chunk)};
      const Key key = key_of(config_, rank, task);
      if (best && best_key <= key) continue;
      if (kind == TaskKind::forward) {
        if (!banker_admits(rank, chunk)) continue;
        if (config_.wip_limit && !wip_admits(rank, chunk, *config_.wip_limit)) continue;
      }
      best = task;
      best_key = key;
    }
  }
  return best ? Decision::run(*best) : Decision::wait(view);
}

}  // namespace weft::schedule
