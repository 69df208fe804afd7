#include "weft/comm/link_receiver.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::comm {

LinkReceiver::LinkReceiver(Endpoint& endpoint, const LinkChannel& channel, int peer,
                           int64_t buffer_bytes, int num_slots, MemoryResource& resource)
    : endpoint_(endpoint),
      peer_(peer),
      channel_(endpoint.name_channel(describe(channel))),
      name_(describe(channel)),
      slots_(static_cast<size_t>(num_slots)) {
  check(num_slots >= 1, ErrorKind::internal, "{} has {} slots; expected at least 1", name_,
        num_slots);
  for (Slot& slot : slots_) slot.buffer = Buffer(static_cast<size_t>(buffer_bytes), resource);
}

LinkReceiver::~LinkReceiver() {
  const bool failing = std::uncaught_exceptions() > exceptions_;
  for (Slot& slot : slots_) {
    if (slot.microbatch < 0) continue;
    const bool open = endpoint_.locked([&] { return slot.batch.pending > 0; });
    if (failing && open) endpoint_.abandon(header_of(slot.microbatch));
    endpoint_.settle(slot.batch, header_of(slot.microbatch));
  }
}

void LinkReceiver::begin_step(int64_t num_microbatches) {
  for (const Slot& slot : slots_) {
    check(slot.microbatch < 0, ErrorKind::internal,
          "{}: microbatch {} of step {} was not taken before the next step began", name_,
          slot.microbatch, step_);
  }
  step_ = endpoint_.step();
  next_ = 0;
  num_microbatches_ = num_microbatches;
  for (Slot& slot : slots_) grant(slot);
}

void LinkReceiver::grant(Slot& slot) {
  slot.microbatch = -1;
  if (next_ == num_microbatches_) return;
  slot.microbatch = next_++;
  PostedReceive receive{.expected = header_of(slot.microbatch),
                        .any_shape = true,
                        .data = slot.buffer.data(),
                        .capacity = static_cast<int64_t>(slot.buffer.size_bytes()),
                        .exchange = &slot.buffer,
                        .header_out = &slot.header};
  endpoint_.receive(slot.batch, receive);
}

MessageHeader LinkReceiver::header_of(int64_t microbatch) const {
  MessageHeader header = link_header(channel_, step_, microbatch);
  header.key.from = peer_;
  return header;
}

LinkReceiver::Slot* LinkReceiver::slot_of(int64_t microbatch) {
  const auto found = std::ranges::find(slots_, microbatch, &Slot::microbatch);
  return found == slots_.end() ? nullptr : &*found;
}

bool LinkReceiver::is_here(int64_t microbatch) {
  const Slot* slot = slot_of(microbatch);
  return slot != nullptr && slot->batch.pending == 0;
}

bool LinkReceiver::is_settled(int64_t microbatch) {
  const Slot* slot = slot_of(microbatch);
  return slot != nullptr && (slot->batch.pending == 0 || !slot->batch.fault.empty());
}

bool LinkReceiver::has_arrived(int64_t microbatch) {
  return endpoint_.locked([&] { return is_here(microbatch); });
}

void LinkReceiver::add_debts(int64_t microbatch, std::vector<Debt>& debts, double seconds) {
  debts.push_back({peer_, describe(header_of(microbatch), name_), seconds});
}

void LinkReceiver::wait(int64_t microbatch) {
  const Awaited awaited{this, microbatch};
  wait_any(endpoint_, {&awaited, 1});
}

size_t LinkReceiver::wait_any(Endpoint& endpoint, std::span<const Awaited> awaited) {
  size_t found = awaited.size();
  const auto any_here = [&] {
    for (found = 0; found < awaited.size(); ++found) {
      if (awaited[found].link->is_settled(awaited[found].microbatch)) return true;
    }
    return false;
  };
  endpoint.wait_until(any_here, [&](std::vector<Debt>& debts, double seconds) {
    for (const Awaited& one : awaited) one.link->add_debts(one.microbatch, debts, seconds);
  });
  LinkReceiver& link = *awaited[found].link;
  Slot& slot = *link.slot_of(awaited[found].microbatch);
  // Throws if the message could not be accepted.
  endpoint.wait(slot.batch, link.header_of(slot.microbatch));
  return found;
}

LinkTensor LinkReceiver::take(int64_t microbatch, Buffer& buffer) {
  Slot* slot = slot_of(microbatch);
  check(slot != nullptr && has_arrived(microbatch), ErrorKind::internal,
        "{}: microbatch {} of step {} is taken before it has arrived", name_, microbatch, step_);
  check(buffer.size_bytes() == slot->buffer.size_bytes(), ErrorKind::internal,
        "{}: a buffer of {} bytes is exchanged for a slot of {} bytes", name_, buffer.size_bytes(),
        slot->buffer.size_bytes());
  endpoint_.wait(slot->batch, header_of(microbatch));
  const int64_t id = endpoint_.begin_operation(slot->header);
  std::swap(slot->buffer, buffer);
  const LinkTensor tensor{slot->header.dtype, slot->header.shape()};
  grant(*slot);
  endpoint_.end_operation(id);
  return tensor;
}

}  // namespace weft::comm
