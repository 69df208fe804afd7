#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weft/schedule/commit_log.hpp"
#include "weft/schedule/graph.hpp"

// Whether a log can be a run of a graph (reference/schedules.md A.1), found the plain way: by the
// start and end of every task.

namespace weft::reference {

class CommitLogCheck {
 public:
  /// `in_order`: whether a stage has to run the microbatches of a kind in ascending order.
  CommitLogCheck(const schedule::Graph& graph, const schedule::CommitLog& log, bool in_order = true)
      : graph_(graph), log_(log), in_order_(in_order) {
    const auto cells = static_cast<size_t>(graph.stages().num_stages() * graph.num_microbatches());
    forwards_.resize(cells);
    gradients_.resize(cells);
    weights_.resize(cells);
  }

  /// The first thing that is wrong with the log of a run under `cap`; empty when nothing is.
  /// `complete`: whether every task has to be there.
  std::string fault(std::optional<int64_t> cap, bool complete = true) {
    for (int64_t rank = 0; rank < graph_.stages().num_ranks; ++rank) {
      if (std::string text = note_rank(rank, cap); !text.empty()) return text;
    }
    for (int64_t rank = 0; rank < graph_.stages().num_ranks; ++rank) {
      for (const schedule::CommitEntry& entry : log_.ranks[static_cast<size_t>(rank)]) {
        if (entry.start + kRounding < ready(rank, entry.task)) {
          return fmt::format("rank {}: {} starts at {} before its input is there at {}", rank,
                             to_string(entry.task), entry.start, ready(rank, entry.task));
        }
      }
    }
    const auto is_missing = [](const Span& span) { return !span.seen; };
    if (complete && (std::ranges::any_of(forwards_, is_missing) ||
                     std::ranges::any_of(gradients_, is_missing) ||
                     std::ranges::any_of(weights_, is_missing))) {
      return "a task is missing";
    }
    return "";
  }

  /// Most memory that a rank held at once: the largest prefix sum along its order.
  int64_t peak(int64_t rank) const { return peaks_[static_cast<size_t>(rank)]; }

 private:
  using Kind = schedule::TaskKind;
  struct Span {
    bool seen = false;
    double start = 0;
    double end = 0;
  };
  static constexpr double kRounding = 1e-9;
  static constexpr double kNever = 1e300;

  size_t cell(int64_t stage, int64_t microbatch) const {
    return static_cast<size_t>(stage * graph_.num_microbatches() + microbatch);
  }

  static bool note(std::vector<Span>& spans, size_t at, const schedule::CommitEntry& entry) {
    if (spans[at].seen) return false;
    spans[at] = {true, entry.start, entry.end};
    return true;
  }

  std::string note_rank(int64_t rank, std::optional<int64_t> cap) {
    double free_at = 0;
    int64_t held = 0;
    int64_t peak = 0;
    for (const schedule::CommitEntry& entry : log_.ranks[static_cast<size_t>(rank)]) {
      const schedule::Task& task = entry.task;
      const int64_t stage = graph_.stages().stage_of(rank, task.chunk);
      const size_t at = cell(stage, task.microbatch);
      const auto wrong = [&](const char* what) {
        return fmt::format("rank {}: {} {}", rank, to_string(task), what);
      };
      if (entry.start + kRounding < free_at) return wrong("overlaps the task before it");
      free_at = entry.end;
      const double time = graph_.duration(task.kind, stage, task.microbatch);
      if (std::abs(entry.end - entry.start - time) > kRounding)
        return wrong("has another duration");
      const bool is_gradient = task.kind == Kind::backward_input || task.kind == Kind::backward;
      const bool is_weight = task.kind == Kind::backward_weight || task.kind == Kind::backward;
      const auto add = [&](std::vector<Span>& spans) {
        return note(spans, at, entry) && (!in_order_ || task.microbatch == 0 || spans[at - 1].seen);
      };
      if ((task.kind == Kind::forward && !add(forwards_)) || (is_gradient && !add(gradients_)) ||
          (is_weight && !add(weights_))) {
        return wrong("comes twice or out of order");
      }
      if (task.kind == Kind::forward) held += graph_.charge(stage);
      peak = std::max(peak, held);
      if (is_weight) held -= graph_.charge(stage);
      if (cap && peak > *cap) return wrong("exceeds the cap");
    }
    peaks_.push_back(peak);
    return "";
  }

  static double end_of(const Span& span) { return span.seen ? span.end : kNever; }

  /// When the inputs of a task were there.
  double ready(int64_t rank, const schedule::Task& task) const {
    const int64_t m = task.microbatch;
    const int64_t s = graph_.stages().stage_of(rank, task.chunk);
    if (task.kind == Kind::backward_weight) return end_of(gradients_[cell(s, m)]);
    if (task.kind == Kind::forward) {
      return s == 0 ? 0 : end_of(forwards_[cell(s - 1, m)]) + graph_.forward_latency(s, m);
    }
    const double own = end_of(forwards_[cell(s, m)]);
    if (s + 1 == graph_.stages().num_stages()) return own;
    return std::max(own, end_of(gradients_[cell(s + 1, m)]) + graph_.backward_latency(s, m));
  }

  const schedule::Graph& graph_;
  const schedule::CommitLog& log_;
  bool in_order_;
  std::vector<Span> forwards_;   ///< [stage][microbatch]
  std::vector<Span> gradients_;  ///< [stage][microbatch] of B or D
  std::vector<Span> weights_;    ///< [stage][microbatch] of W or D
  std::vector<int64_t> peaks_;   ///< [rank]
};

}  // namespace weft::reference
