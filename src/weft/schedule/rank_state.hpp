#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weft/schedule/graph.hpp"

namespace weft::schedule {

/// How far one rank is in a step: what a policy may look at. The executor and the simulator keep
/// one per rank and report starts and arrivals; nothing else changes it.
///
/// Tasks of a rank run one after another, so whatever a started task makes or frees is there when
/// the next one starts: a state that counts starts can be asked for the next task while the current
/// one runs. Per stage and kind microbatches run in order (first in, first out), so of every kind
/// and chunk there is one next task.
class RankState {
 public:
  /// `cap`: memory for activations, in the unit of the graph's charges; nothing: no limit. Throws
  /// Error{usage} when the cap cannot hold one microbatch. `graph` outlives the state.
  RankState(const Graph& graph, int64_t rank, std::optional<int64_t> cap);

  const Graph& graph() const { return *graph_; }
  int64_t rank() const { return rank_; }
  int64_t num_chunks() const { return graph_->stages().num_chunks; }
  int64_t stage(int64_t chunk) const { return graph_->stages().stage_of(rank_, chunk); }
  int64_t charge(int64_t chunk) const { return graph_->charge(stage(chunk)); }

  /// Microbatch of the next task of this kind and chunk; the number of microbatches when all have
  /// started. B and D are one sequence, and so are W and D.
  int64_t next(TaskKind kind, int64_t chunk) const;
  /// Whether that task's inputs are there. Memory is a question of admission, not of readiness.
  bool is_ready(TaskKind kind, int64_t chunk) const;
  bool has_started(const Task& task) const { return task.microbatch < next(task.kind, task.chunk); }
  bool is_next_and_ready(const Task& task) const {
    return task.microbatch == next(task.kind, task.chunk) && is_ready(task.kind, task.chunk);
  }
  /// Whether every task of the rank has started.
  bool is_done() const { return remaining_ == 0; }
  /// Kind of the task started last; nothing before the first.
  std::optional<TaskKind> last_kind() const { return last_kind_; }

  std::optional<int64_t> cap() const { return cap_; }
  int64_t used() const { return used_; }
  int64_t peak() const { return peak_; }
  /// Charges of the forwards of a microbatch that have not started on this rank.
  int64_t need(int64_t microbatch) const { return need_[static_cast<size_t>(microbatch)]; }
  /// Charges that a microbatch holds on this rank.
  int64_t held(int64_t microbatch) const { return held_[static_cast<size_t>(microbatch)]; }
  /// The first microbatch that needs or holds anything here.
  int64_t oldest() const { return oldest_; }
  /// Microbatches that have entered chunk 0 and not left it.
  int64_t in_flight() const { return chunks_[0].forwards - chunks_[0].weights; }

  /// Reports that the result of the neighbouring stage on another rank has come: the input of F, or
  /// of B or D (either kind means the same), of this chunk and microbatch.
  void arrived(TaskKind kind, int64_t chunk, int64_t microbatch);
  /// Reports that the rank starts `task`, which is next and ready.
  void start(const Task& task);

 private:
  struct Chunk {
    int64_t forwards = 0;               ///< F started
    int64_t backwards = 0;              ///< B or D started
    int64_t weights = 0;                ///< W or D started
    std::vector<uint8_t> has_input;     ///< [microbatch]
    std::vector<uint8_t> has_gradient;  ///< [microbatch]
  };

  const Chunk& at(int64_t chunk) const { return chunks_[static_cast<size_t>(chunk)]; }
  Chunk& at(int64_t chunk) { return chunks_[static_cast<size_t>(chunk)]; }
  // Hands a result to the next stage when that lives on this rank too.
  void hand_over(const Task& task);

  const Graph* graph_;
  int64_t rank_;
  std::optional<int64_t> cap_;
  std::vector<Chunk> chunks_;
  std::vector<int64_t> need_;  ///< [microbatch]
  std::vector<int64_t> held_;  ///< [microbatch]
  int64_t used_ = 0;
  int64_t peak_ = 0;
  int64_t oldest_ = 0;
  int64_t remaining_;  ///< F and weight gradients not started
  std::optional<TaskKind> last_kind_;
};

}  // namespace weft::schedule
