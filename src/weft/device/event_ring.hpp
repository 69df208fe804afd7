#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "weft/base/error.hpp"

namespace weft {

/// Marks in the work of streams, for which other streams wait. Two mistakes are silent on a device
/// and are errors here: waiting for an event that was never recorded, which does not wait, and
/// waiting for one that has been recorded again, which waits for the wrong work (reference/cuda.md
/// 2.4). One thread records; any may wait.
///
/// `Policy` is a device: its `Stream` and `Event`, `Policy::record(event, stream)` and
/// `Policy::wait(stream, event)`.
template <typename Policy>
class EventRing {
 public:
  using Stream = typename Policy::Stream;

  /// The work that a stream had been given when the mark was made.
  struct Mark {
    size_t slot = 0;
    uint64_t generation = 0;  ///< 0: never recorded
  };

  /// Holds the last `size` marks.
  explicit EventRing(size_t size) : slots_(size) {
    check(size > 0, ErrorKind::internal, "a ring of no events");
  }

  Mark record(const Stream& stream) {
    Slot& slot = slots_[next_];
    const uint64_t generation = slot.generation.load() + 1;
    slot.generation.store(generation);
    Policy::record(slot.event, stream);
    const Mark mark{next_, generation};
    next_ = (next_ + 1) % slots_.size();
    return mark;
  }

  /// Work that `stream` is given from here on starts after what `mark` stands for.
  void wait(const Stream& stream, const Mark& mark) const {
    check(mark.generation != 0, ErrorKind::internal, "a wait for an event that was never recorded");
    const Slot& slot = slots_[mark.slot];
    const uint64_t later = slot.generation.load() - mark.generation;
    check(later == 0, ErrorKind::internal,
          "a wait for an event that was recorded {} times since; the ring of {} is too small",
          later, slots_.size());
    Policy::wait(stream, slot.event);
  }

 private:
  struct Slot {
    typename Policy::Event event;
    std::atomic<uint64_t> generation = 0;
  };

  std::vector<Slot> slots_;
  size_t next_ = 0;
};

}  // namespace weft
