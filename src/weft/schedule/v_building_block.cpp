// V-Half and V-Min: a building block repeated every six slots, then squeezed
// (reference/schedules.md 1.8, A.3). All times are slots of one F, B or W.
#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

#include "weft/schedule/static_schedule.hpp"

namespace weft::schedule {

namespace {

constexpr int64_t kPeriod = 6;  // 2 F, 2 B, 2 W

// First slots of a microbatch's four passes on one rank.
struct Block {
  int64_t f0, f1, b1, b0;
};

Block half_block(int64_t p, int64_t r) {
  const int64_t delta = p % 2 == 0 ? 3 : 0;
  return {2 * r, 3 * p - r - 2, 3 * p + delta + 2 * r - 1, 6 * p + delta - r - 2};
}

Block min_block(int64_t p, int64_t r) {
  const int64_t delta = p % 3 == 0 ? 2 : 0;
  return {r, 2 * p - r - 1, 2 * p + delta + r, 4 * p + delta - r - 1};
}

// F and B of all ranks in slots; W is filled into idle slots when it is asked for.
class SlotPlan {
 public:
  SlotPlan(int64_t num_ranks, int64_t num_microbatches, Block (*block)(int64_t, int64_t))
      : stages_{Mapping::wave, num_ranks, 2},
        m_(num_microbatches),
        length_(kPeriod * (num_microbatches + 2) + 8 * num_ranks + 8) {
    length_ += 2 * m_;  // W that found no idle slot inside
    slots_.assign(static_cast<size_t>(3 * stages_.num_stages() * m_), -1);
    for (int64_t r = 0; r < num_ranks; ++r) {
      busy_.emplace_back(static_cast<size_t>(length_), false);
      const Block at = block(num_ranks, r);
      for (int64_t m = 0; m < m_; ++m) {
        place({TaskKind::forward, 0, m}, r, at.f0 + kPeriod * m);
        place({TaskKind::forward, 1, m}, r, at.f1 + kPeriod * m);
        place({TaskKind::backward_input, 1, m}, r, at.b1 + kPeriod * m);
        place({TaskKind::backward_input, 0, m}, r, at.b0 + kPeriod * m);
      }
      fill_weights(r);
    }
    for (int64_t r = 0; r < num_ranks; ++r) cap_ = std::max(cap_, peak(r));
  }

  // Every task moves to the earliest idle slot after its predecessors, F under the cap.
  void squeeze() {
    for (const auto& [slot, rank, task] : in_slot_order(true)) {
      int64_t first = 0;
      if (task.kind == TaskKind::forward) first = first_with_room(rank, slot);
      const int64_t to = earliest_idle(task, rank, first, slot);
      if (to < slot) move(task, rank, to);
    }
  }

  // Without W in the way: what runs after the last microbatch's entry closes up, as long as W in
  // the remaining idle slots keeps the peak.
  void squeeze_tail() {
    for (int64_t r = 0; r < stages_.num_ranks; ++r) drop_weights(r);
    const int64_t from = slot_of({TaskKind::forward, 0, m_ - 1}, 0);
    for (const auto& [slot, rank, task] : in_slot_order(false)) {
      if (slot <= from) continue;
      for (int64_t to = earliest_idle(task, rank, 0, slot); to < slot;
           to = earliest_idle(task, rank, to + 1, slot)) {
        move(task, rank, to);
        if (keeps_peak(rank)) break;
        move(task, rank, slot);
      }
    }
    for (int64_t r = 0; r < stages_.num_ranks; ++r) fill_weights(r);
  }

  PipelineSchedule take() const {
    PipelineSchedule schedule{stages_, m_, {}};
    schedule.ranks.resize(static_cast<size_t>(stages_.num_ranks));
    for (const auto& [slot, rank, task] : in_slot_order(true)) {
      schedule.ranks[static_cast<size_t>(rank)].push_back(task);
    }
    return schedule;
  }

 private:
  using Placed = std::tuple<int64_t, int64_t, Task>;  // slot, rank, task

  size_t index(const Task& task, int64_t rank) const {
    const auto kind = static_cast<int64_t>(task.kind);
    const int64_t stage = stages_.stage_of(rank, task.chunk);
    return static_cast<size_t>((kind * stages_.num_stages() + stage) * m_ + task.microbatch);
  }
  int64_t slot_of(const Task& task, int64_t rank) const { return slots_[index(task, rank)]; }
  std::vector<bool>& busy(int64_t rank) { return busy_[static_cast<size_t>(rank)]; }
  bool is_busy(int64_t rank, int64_t slot) const {
    return busy_[static_cast<size_t>(rank)][static_cast<size_t>(slot)];
  }

  void place(const Task& task, int64_t rank, int64_t slot) {
    slots_[index(task, rank)] = slot;
    busy(rank)[static_cast<size_t>(slot)] = true;
  }
  void remove(const Task& task, int64_t rank) {
    busy(rank)[static_cast<size_t>(slot_of(task, rank))] = false;
    slots_[index(task, rank)] = -1;
  }
  void move(const Task& task, int64_t rank, int64_t slot) {
    remove(task, rank);
    place(task, rank, slot);
  }

  std::vector<Placed> in_slot_order(bool with_weights) const {
    std::vector<Placed> tasks;
    for (int64_t rank = 0; rank < stages_.num_ranks; ++rank) add_tasks(rank, with_weights, tasks);
    std::ranges::sort(tasks);
    return tasks;
  }
  void add_tasks(int64_t rank, bool with_weights, std::vector<Placed>& tasks) const {
    for (const TaskKind kind :
         {TaskKind::forward, TaskKind::backward_input, TaskKind::backward_weight}) {
      if (kind == TaskKind::backward_weight && !with_weights) continue;
      for (int64_t chunk = 0; chunk < 2; ++chunk) {
        for (int64_t m = 0; m < m_; ++m) {
          const Task task{kind, chunk, m};
          tasks.emplace_back(slot_of(task, rank), rank, task);
        }
      }
    }
  }

  // W of a rank, first in, first out, into the idle slots after their B.
  void fill_weights(int64_t rank) {
    std::vector<std::pair<int64_t, Task>> ends;  // slot of B, its W
    for (int64_t chunk = 0; chunk < 2; ++chunk) {
      for (int64_t m = 0; m < m_; ++m) {
        ends.emplace_back(slot_of({TaskKind::backward_input, chunk, m}, rank),
                          Task{TaskKind::backward_weight, chunk, m});
      }
    }
    std::ranges::sort(ends);
    int64_t slot = 0;
    for (const auto& [end, weight] : ends) {
      slot = std::max(slot, end + 1);
      while (is_busy(rank, slot)) ++slot;
      place(weight, rank, slot);
    }
  }
  void drop_weights(int64_t rank) {
    for (int64_t chunk = 0; chunk < 2; ++chunk) {
      for (int64_t m = 0; m < m_; ++m) remove({TaskKind::backward_weight, chunk, m}, rank);
    }
  }

  // Activations held during each slot of a rank.
  std::vector<int64_t> profile(int64_t rank) const {
    std::vector<int64_t> held(static_cast<size_t>(length_) + 1, 0);
    for (int64_t chunk = 0; chunk < 2; ++chunk) {
      for (int64_t m = 0; m < m_; ++m) {
        ++held[static_cast<size_t>(slot_of({TaskKind::forward, chunk, m}, rank))];
        --held[static_cast<size_t>(slot_of({TaskKind::backward_weight, chunk, m}, rank)) + 1];
      }
    }
    for (size_t slot = 1; slot < held.size(); ++slot) held[slot] += held[slot - 1];
    return held;
  }
  int64_t peak(int64_t rank) const { return std::ranges::max(profile(rank)); }
  // Whether W, filled into the idle slots, would keep the rank under the cap.
  bool keeps_peak(int64_t rank) {
    fill_weights(rank);
    const bool fits = peak(rank) <= cap_;
    drop_weights(rank);
    return fits;
  }
  // The first slot from which one more activation fits until `last`.
  int64_t first_with_room(int64_t rank, int64_t last) const {
    const std::vector<int64_t> held = profile(rank);
    while (last > 0 && held[static_cast<size_t>(last - 1)] < cap_) --last;
    return last;
  }

  // The earliest idle slot from `first` on that comes after the predecessors of `task`; `current`
  // when there is none before it.
  int64_t earliest_idle(const Task& task, int64_t rank, int64_t first, int64_t current) const {
    int64_t slot = first;
    const auto after = [&](TaskKind kind, int64_t stage, int64_t microbatch) {
      const Task other{kind, stages_.chunk_of(stage), microbatch};
      slot = std::max(slot, slot_of(other, stages_.rank_of(stage)) + 1);
    };
    const int64_t stage = stages_.stage_of(rank, task.chunk);
    const int64_t m = task.microbatch;
    if (m > 0) after(task.kind, stage, m - 1);
    if (task.kind == TaskKind::forward && stage > 0) after(TaskKind::forward, stage - 1, m);
    if (task.kind == TaskKind::backward_input) {
      after(TaskKind::forward, stage, m);
      if (stage + 1 < stages_.num_stages()) after(TaskKind::backward_input, stage + 1, m);
    }
    if (task.kind == TaskKind::backward_weight) after(TaskKind::backward_input, stage, m);
    while (slot < current && is_busy(rank, slot)) ++slot;
    return slot;
  }

  StageMap stages_;
  int64_t m_;
  int64_t length_;
  int64_t cap_ = 0;
  std::vector<int64_t> slots_;           // [kind][stage][microbatch]
  std::vector<std::vector<bool>> busy_;  // [rank][slot]
};

PipelineSchedule squeezed(const StaticConfig& config, Block (*block)(int64_t, int64_t)) {
  SlotPlan plan(config.num_ranks, config.num_microbatches, block);
  plan.squeeze();
  plan.squeeze_tail();
  return plan.take();
}

}  // namespace

PipelineSchedule v_half(const StaticConfig& config) { return squeezed(config, half_block); }

PipelineSchedule v_min(const StaticConfig& config) { return squeezed(config, min_block); }

}  // namespace weft::schedule
