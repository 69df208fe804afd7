#include "weft/comm/collective.hpp"

#include <cassert>
#include <cstring>

#include "weft/comm/reduce.hpp"

namespace weft::comm {

namespace {

int64_t bytes_of(const CollectiveCall& call, int64_t elements) {
  return elements * static_cast<int64_t>(size_of(call.header.dtype));
}

void copy(std::byte* to, const std::byte* from, int64_t bytes) {
  if (to != from && bytes > 0) std::memcpy(to, from, static_cast<size_t>(bytes));
}

}  // namespace

void CollectiveLane::run(const CollectiveCall& call) {
  const int64_t id = endpoint_.begin_operation(call.header);
  try {
    exchange(call);
  } catch (...) {  // receives that are posted look at memory that the caller is about to free
    endpoint_.cancel(batch_, call.header);
    throw;
  }
  endpoint_.end_operation(id);
}

void CollectiveLane::exchange(const CollectiveCall& call) {
  switch (call.header.operation) {
    case Operation::all_reduce:
      return all_reduce(call);
    case Operation::reduce_scatter:
      return reduce_scatter(call);
    case Operation::all_gather:
      return all_gather(call);
    case Operation::broadcast:
      return broadcast(call);
    case Operation::all_to_all:
      return all_to_all(call);
    case Operation::gather:
      return gather(call);
    case Operation::scatter:
      return scatter(call);
    case Operation::barrier:
      return barrier(call);
    case Operation::link:
    case Operation::leader_log:
      assert(false && "no collective");
  }
}

template <typename Post>
void CollectiveLane::for_each_other(Post post) {
  for (int distance = 1; distance < team_.size(); ++distance) {
    post((team_.rank + distance) % team_.size());
  }
}

void CollectiveLane::send(const CollectiveCall& call, int round, int to, const std::byte* data,
                          int64_t bytes) {
  MessageHeader header = call.header;
  header.key.round = round;
  header.bytes = bytes;
  endpoint_.send(batch_, header, team_.ranks[static_cast<size_t>(to)], data);
}

void CollectiveLane::receive(const CollectiveCall& call, int round, int from, std::byte* data,
                             int64_t bytes) {
  PostedReceive receive{.expected = call.header, .data = data, .capacity = bytes};
  receive.expected.key.round = round;
  receive.expected.key.from = team_.ranks[static_cast<size_t>(from)];
  endpoint_.receive(batch_, receive);
}

std::byte* CollectiveLane::scratch(int64_t bytes) {
  const auto size = static_cast<size_t>(bytes);
  if (scratch_.size_bytes() < size) scratch_ = Buffer(size);
  return scratch_.data();
}

template <typename PostSends>
void CollectiveLane::reduce_piece(const CollectiveCall& call, const std::byte* own,
                                  std::byte* output, int64_t elements, PostSends post_sends) {
  const int64_t bytes = bytes_of(call, elements);
  std::byte* room = scratch(bytes * (team_.size() - 1));
  contributions_.assign(static_cast<size_t>(team_.size()), own);
  for_each_other([&](int from) {
    receive(call, 0, from, room, bytes);
    contributions_[static_cast<size_t>(from)] = room;
    room += bytes;
  });
  post_sends();
  wait(call);
  reduce_in_order(call.header.dtype, call.header.reduction, contributions_, output, elements);
}

void CollectiveLane::all_reduce(const CollectiveCall& call) {
  if (bytes_of(call, call.elements) <= Endpoint::kEagerBytes) return all_reduce_small(call);
  const auto start = [&](int piece) { return call.elements * piece / team_.size(); };
  const auto at = [&](int piece) { return call.output + bytes_of(call, start(piece)); };
  const auto bytes = [&](int piece) { return bytes_of(call, start(piece + 1) - start(piece)); };
  const int own = team_.rank;
  reduce_piece(call, at(own), at(own), start(own + 1) - start(own),
               [&] { for_each_other([&](int to) { send(call, 0, to, at(to), bytes(to)); }); });
  for_each_other([&](int from) { receive(call, 1, from, at(from), bytes(from)); });
  for_each_other([&](int to) { send(call, 1, to, at(own), bytes(own)); });
  wait(call);
}

// One round instead of two: everybody sends everything and adds the same in the same order.
void CollectiveLane::all_reduce_small(const CollectiveCall& call) {
  reduce_piece(call, call.output, call.output, call.elements, [&] {
    for_each_other([&](int to) { send(call, 0, to, call.output, bytes_of(call, call.elements)); });
  });
}

void CollectiveLane::reduce_scatter(const CollectiveCall& call) {
  const int64_t bytes = bytes_of(call, call.elements);
  reduce_piece(call, call.input + team_.rank * bytes, call.output, call.elements, [&] {
    for_each_other([&](int to) { send(call, 0, to, call.input + to * bytes, bytes); });
  });
}

void CollectiveLane::all_gather(const CollectiveCall& call) {
  const int64_t bytes = bytes_of(call, call.elements);
  for_each_other([&](int from) { receive(call, 0, from, call.output + from * bytes, bytes); });
  for_each_other([&](int to) { send(call, 0, to, call.input, bytes); });
  copy(call.output + team_.rank * bytes, call.input, bytes);
  wait(call);
}

// A binomial tree: with ranks counted from the root, rank r hears from r without its highest bit.
void CollectiveLane::broadcast(const CollectiveCall& call) {
  const int64_t bytes = bytes_of(call, call.elements);
  const int size = team_.size();
  const int self = (team_.rank - call.header.root + size) % size;
  const auto absolute = [&](int relative) { return (relative + call.header.root) % size; };
  int bit = 1;
  while (bit <= self) bit *= 2;
  if (self > 0) {
    receive(call, 0, absolute(self - bit / 2), call.output, bytes);
    wait(call);
  }
  for (; self + bit < size; bit *= 2) send(call, 0, absolute(self + bit), call.output, bytes);
  wait(call);
}

void CollectiveLane::all_to_all(const CollectiveCall& call) {
  const int64_t bytes = bytes_of(call, call.elements);
  for_each_other([&](int from) { receive(call, 0, from, call.output + from * bytes, bytes); });
  for_each_other([&](int to) { send(call, 0, to, call.input + to * bytes, bytes); });
  copy(call.output + team_.rank * bytes, call.input + team_.rank * bytes, bytes);
  wait(call);
}

void CollectiveLane::gather(const CollectiveCall& call) {
  const int64_t bytes = bytes_of(call, call.elements);
  if (team_.rank == call.header.root) {
    for_each_other([&](int from) { receive(call, 0, from, call.output + from * bytes, bytes); });
    copy(call.output + team_.rank * bytes, call.input, bytes);
  } else {
    send(call, 0, call.header.root, call.input, bytes);
  }
  wait(call);
}

void CollectiveLane::scatter(const CollectiveCall& call) {
  const int64_t bytes = bytes_of(call, call.elements);
  if (team_.rank == call.header.root) {
    for_each_other([&](int to) { send(call, 0, to, call.input + to * bytes, bytes); });
    copy(call.output, call.input + team_.rank * bytes, bytes);
  } else {
    receive(call, 0, call.header.root, call.output, bytes);
  }
  wait(call);
}

void CollectiveLane::barrier(const CollectiveCall& call) {
  for_each_other([&](int from) { receive(call, 0, from, nullptr, 0); });
  for_each_other([&](int to) { send(call, 0, to, nullptr, 0); });
  wait(call);
}

}  // namespace weft::comm
