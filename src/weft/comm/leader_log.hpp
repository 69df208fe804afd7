#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "weft/comm/communicator.hpp"

namespace weft::comm {

/// A log that rank 0 of a group writes and the other ranks read in order, so that all of them do
/// the same (rule L of reference/schedules.md 2.3). Entries are 16 bytes whose meaning is the
/// caller's. Used by one thread.
class LeaderLog {
 public:
  using Entry = std::array<std::byte, 16>;

  explicit LeaderLog(Endpoint& endpoint, const RankGroup& group);

  bool is_leader() const { return endpoint_.rank() == ranks_.front(); }

  /// Writes the next entry; only the leader does. Does not block.
  void append(const Entry& entry);
  /// The next entry; only followers read. Blocks until the leader has written it and throws
  /// Error{communication} as Endpoint::wait does.
  Entry next();

  /// Entries written or read so far.
  int64_t size() const { return size_; }

 private:
  MessageHeader header() const;

  Endpoint& endpoint_;
  std::vector<int> ranks_;
  uint64_t channel_;
  int64_t size_ = 0;
  Batch batch_;
};

}  // namespace weft::comm
