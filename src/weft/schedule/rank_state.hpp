#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weft/schedule/graph.hpp"

namespace weft::schedule {

/// Whether microbatches of one kind and chunk run first in, first out, so that weight gradients are
/// summed in one order and a run is reproducible bit for bit, or as their inputs arrive. Only
/// simulations use the latter: it shows what the order costs when messages overtake each other.
enum class MicrobatchOrder : uint8_t { in_order, as_they_arrive };

/// How far one rank is in a step: what a policy may look at. The executor and the simulator keep
/// one per rank and report starts and arrivals; nothing else changes it.
///
/// Tasks of a rank run one after another, so whatever a started task makes or frees is there when
/// the next one starts: a state that counts starts can be asked for the next task while the current
/// one runs. Of every kind and chunk there is one next task.
class RankState {
 public:
  /// `cap`: memory for activations, in the unit of the graph's charges; nothing: no limit. Throws
  /// Error{usage} when the cap cannot hold one microbatch. `graph` outlives the state.
  RankState(const Graph& graph, int64_t rank, std::optional<int64_t> cap,
            MicrobatchOrder order = MicrobatchOrder::in_order);

  const Graph& graph() const { return *graph_; }
  int64_t rank() const { return rank_; }
  int64_t num_chunks() const { return graph_->stages().num_chunks; }
  int64_t stage(int64_t chunk) const { return graph_->stages().stage_of(rank_, chunk); }
  int64_t charge(int64_t chunk) const { return graph_->charge(stage(chunk)); }

  /// Microbatch of the next task of this kind and chunk: the first that has not started or, as they
  /// arrive, the first of those whose inputs are there. The number of microbatches when all have
  /// started. B and D are one sequence, and so are W and D.
  int64_t next(TaskKind kind, int64_t chunk) const;
  /// Whether that task's inputs are there. Memory is a question of admission, not of readiness.
  bool is_ready(TaskKind kind, int64_t chunk) const {
    return !is_held_up(kind, chunk) && has_inputs(kind, chunk, next(kind, chunk));
  }
  bool has_started(const Task& task) const;
  /// Whether `task` may be started now: its inputs are there and, in order, it is the next one.
  bool can_start(const Task& task) const;
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
  int64_t in_flight() const { return chunks_[0].forwards.count - chunks_[0].weights.count; }

  /// Reports that the result of the neighbouring stage on another rank has come: the input of F, or
  /// of B or D (either kind means the same), of this chunk and microbatch.
  void arrived(TaskKind kind, int64_t chunk, int64_t microbatch);
  /// Reports whether results of F, or of B and D, of this chunk have nowhere to go: the buffer that
  /// they leave the rank from still holds the one before. Such tasks cannot start.
  void hold_up(TaskKind kind, int64_t chunk, bool held_up);
  bool is_held_up(TaskKind kind, int64_t chunk) const {
    if (kind == TaskKind::backward_weight) return false;
    const Chunk& c = at(chunk);
    return kind == TaskKind::forward ? c.forward_held_up : c.backward_held_up;
  }
  /// Reports that the rank starts `task`, which is next and ready.
  void start(const Task& task);

 private:
  /// What has started of one kind.
  struct Sequence {
    int64_t count = 0;
    int64_t first_left = 0;          ///< first microbatch that has not started
    std::vector<uint8_t> started{};  ///< [microbatch]
  };
  struct Chunk {
    Sequence forwards;
    Sequence backwards;                 ///< B or D
    Sequence weights;                   ///< W or D
    std::vector<uint8_t> has_input;     ///< [microbatch]
    std::vector<uint8_t> has_gradient;  ///< [microbatch]
    bool forward_held_up = false;
    bool backward_held_up = false;
  };

  const Chunk& at(int64_t chunk) const { return chunks_[static_cast<size_t>(chunk)]; }
  Chunk& at(int64_t chunk) { return chunks_[static_cast<size_t>(chunk)]; }
  const Sequence& sequence(TaskKind kind, int64_t chunk) const;
  bool has_inputs(TaskKind kind, int64_t chunk, int64_t microbatch) const;
  static void start(Sequence& sequence, int64_t microbatch);
  // Hands a result to the next stage when that lives on this rank too.
  void hand_over(const Task& task);

  const Graph* graph_;
  int64_t rank_;
  std::optional<int64_t> cap_;
  MicrobatchOrder order_;
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
