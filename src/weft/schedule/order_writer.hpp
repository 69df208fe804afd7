#pragma once

#include <array>
#include <vector>

#include "weft/schedule/task.hpp"

namespace weft::schedule {

/// Writes the order of one rank for the generators: each call appends the next microbatch of its
/// kind and chunk, since every generator is first in, first out per kind and chunk.
class OrderWriter {
 public:
  explicit OrderWriter(int64_t num_chunks) : next_(static_cast<size_t>(num_chunks)) {}

  void forward(int64_t chunk) { append(TaskKind::forward, chunk, next(chunk).forward++); }
  /// B; its W stays to be written.
  void backward_input(int64_t chunk) {
    const int64_t microbatch = next(chunk).backward++;
    append(TaskKind::backward_input, chunk, microbatch);
    pending_.push_back({TaskKind::backward_weight, chunk, microbatch});
  }
  /// D
  void backward(int64_t chunk) { append(TaskKind::backward, chunk, next(chunk).backward++); }
  /// The oldest W that is still to be written, of any chunk or of `chunk`. False when there is
  /// none.
  bool weight() {
    return write_pending([](const Task&) { return true; });
  }
  bool weight(int64_t chunk) {
    return write_pending([chunk](const Task& task) { return task.chunk == chunk; });
  }

  int64_t num_forwards(int64_t chunk) { return next(chunk).forward; }
  int64_t num_backwards(int64_t chunk) { return next(chunk).backward; }

  Schedule take() { return std::move(order_); }

 private:
  struct Next {
    int64_t forward = 0;
    int64_t backward = 0;
  };

  Next& next(int64_t chunk) { return next_[static_cast<size_t>(chunk)]; }
  void append(TaskKind kind, int64_t chunk, int64_t microbatch) {
    order_.push_back({kind, chunk, microbatch});
  }
  template <typename Matches>
  bool write_pending(const Matches& matches) {
    for (auto task = pending_.begin(); task != pending_.end(); ++task) {
      if (!matches(*task)) continue;
      order_.push_back(*task);
      pending_.erase(task);
      return true;
    }
    return false;
  }

  std::vector<Next> next_;
  std::vector<Task> pending_;  ///< W in the order of their B
  Schedule order_;
};

}  // namespace weft::schedule
