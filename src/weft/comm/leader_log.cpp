#include "weft/comm/leader_log.hpp"

#include <cassert>

namespace weft::comm {

static_assert(sizeof(LeaderLog::Entry) <= Endpoint::kEagerBytes, "append must not block");

LeaderLog::LeaderLog(Endpoint& endpoint, const RankGroup& group)
    : endpoint_(endpoint),
      ranks_(group.ranks),
      channel_(endpoint.open_channel("leader log of " + group.name, group.ranks)) {}

MessageHeader LeaderLog::header() const {
  MessageHeader header;
  header.operation = Operation::leader_log;
  header.key.channel = channel_;
  header.key.sequence = size_;
  header.bytes = static_cast<int64_t>(sizeof(Entry));
  return header;
}

void LeaderLog::append(const Entry& entry) {
  assert(is_leader());
  const int64_t id = endpoint_.begin_operation(header());
  for (const int rank : ranks_) {
    if (rank != endpoint_.rank()) endpoint_.send(batch_, header(), rank, entry.data());
  }
  endpoint_.end_operation(id);
  ++size_;
}

LeaderLog::Entry LeaderLog::next() {
  assert(!is_leader());
  Entry entry{};
  PostedReceive receive{
      .expected = header(), .data = entry.data(), .capacity = static_cast<int64_t>(entry.size())};
  receive.expected.key.from = ranks_.front();
  const int64_t id = endpoint_.begin_operation(receive.expected);
  endpoint_.receive(batch_, receive);
  endpoint_.wait(batch_, receive.expected);
  endpoint_.end_operation(id);
  ++size_;
  return entry;
}

}  // namespace weft::comm
