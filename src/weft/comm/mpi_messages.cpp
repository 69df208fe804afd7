// How messages travel between processes: header with payload; or announcement, credit, payload; or,
// when the payload lies in memory that the receiver can read, announcement, copy, receipt.
#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

#include "weft/comm/mpi_carrier.hpp"

namespace weft::comm {

namespace {

constexpr int kMessageTag = 1;
constexpr int kFirstPayloadTag = 16;
/// Payload tags come round after so many; MPI promises no more than 32767.
constexpr int kPayloadTags = 32000;
/// Instead of a tag: the announced payload has been copied out of the sender's memory.
constexpr int32_t kReceipt = -1;

}  // namespace

struct MpiCarrier::Wire {
  MessageHeader header;
  int64_t run = 0;
  int64_t id = -1;      ///< of an announced payload; -1: the payload follows
  int64_t offset = -1;  ///< of an announced payload in the sender's shared memory; -1: elsewhere
  int32_t tag = 0;      ///< of a credit: where the payload goes; 0: this is a message; or kReceipt
  int32_t unused = 0;
};

void MpiCarrier::listen_for_messages(size_t slot) {
  auto& buffer = message_buffers_[slot];
  buffer.resize(sizeof(Wire) + static_cast<size_t>(Endpoint::kEagerBytes));
  requests_->receive_any(buffer.data(), static_cast<int64_t>(buffer.size()), kMessageTag,
                         [this, slot](int /*from*/, int64_t bytes) {
                           const std::vector<std::byte> message(
                               message_buffers_[slot].begin(),
                               message_buffers_[slot].begin() + bytes);
                           listen_for_messages(slot);
                           hear_message(message.data(), bytes);
                         });
}

void MpiCarrier::hear_message(const std::byte* data, int64_t bytes) {
  Wire wire;
  std::memcpy(&wire, data, sizeof(Wire));
  if (wire.tag == kReceipt) return finish_copied(wire.id);
  if (wire.tag != 0) return send_payload(wire.id, wire.tag);
  if (wire.run > run_ || endpoint_ == nullptr) {
    early_.emplace_back(data, data + bytes);
    return;
  }
  if (wire.run < run_) return;  // nobody of the run that has ended waits for it
  ArrivedMessage arrived;
  arrived.message.header = wire.header;
  arrived.message.to = rank_;
  arrived.remote_id = wire.id;
  arrived.remote_offset = wire.offset;
  if (wire.id < 0) arrived.message.eager.assign(data + sizeof(Wire), data + bytes);
  endpoint_->arrive(std::move(arrived));
}

void MpiCarrier::send_wire(const Wire& wire, int to, std::span<const std::byte> payload) {
  const auto message = std::make_shared<std::vector<std::byte>>(sizeof(Wire) + payload.size());
  std::memcpy(message->data(), &wire, sizeof(Wire));
  if (!payload.empty()) {
    std::memcpy(message->data() + sizeof(Wire), payload.data(), payload.size());
  }
  requests_->send_whole(message->data(), static_cast<int64_t>(message->size()), to, kMessageTag,
                        [message] {});
  session_->doorbell().ring(to);
}

void MpiCarrier::send_message(OutgoingMessage message) {
  Wire wire{.header = message.header, .run = run_};
  const auto bytes = static_cast<size_t>(message.header.bytes);
  if (message.batch == nullptr) {
    send_wire(wire, message.to, message.eager);
  } else if (message.header.bytes <= Endpoint::kEagerBytes) {
    send_wire(wire, message.to, {message.data, bytes});
    endpoint_->finish(*message.batch, message.item);
  } else {
    wire.id = next_id_++;
    const SharedMemory* shared = session_->neighbours().memory_for(message.to);
    if (shared != nullptr) wire.offset = shared->offset_of(message.data);
    send_wire(wire, message.to, {});
    announced_.emplace(wire.id, std::move(message));
  }
}

void MpiCarrier::receive_payload(const PostedReceive& receive, const ArrivedMessage& message) {
  const MessageHeader header = message.message.header;
  const int from = header.key.from;
  SharedMemoryView* shared = session_->neighbours().memory_of(from);
  if (message.remote_offset >= 0 && shared != nullptr &&
      shared->at(message.remote_offset, header.bytes) != nullptr) {
    copies_.push_back({receive, header, message.remote_id, message.remote_offset});
    return;
  }
  const Wire credit{
      .header = header, .run = run_, .id = message.remote_id, .tag = kFirstPayloadTag + next_tag_};
  next_tag_ = (next_tag_ + 1) % kPayloadTags;
  ++payloads_;
  requests_->receive(receive.data, header.bytes, from, credit.tag, [this, receive, header] {
    --payloads_;
    endpoint_->complete(receive, header);
  });
  send_wire(credit, from, {});
}

void MpiCarrier::send_payload(int64_t id, int tag) {
  const auto found = announced_.find(id);
  if (found == announced_.end()) return;
  const OutgoingMessage message = std::move(found->second);
  announced_.erase(found);
  ++payloads_;
  requests_->send(message.data, message.header.bytes, message.to, tag,
                  [this, batch = message.batch, item = message.item] {
                    --payloads_;
                    endpoint_->finish(*batch, item);
                  });
}

// Copies a part of the oldest payload; returns whether there was one. In parts, so that others are
// heard while a large payload moves.
bool MpiCarrier::copy_payloads() {
  if (copies_.empty() || stopped_) return false;
  Copy& copy = copies_.front();
  const int from = copy.header.key.from;
  const int64_t bytes = std::min(copy.header.bytes - copy.copied_bytes, config_.max_message_bytes);
  const std::byte* payload =
      session_->neighbours().memory_of(from)->at(copy.offset, copy.header.bytes);
  std::memcpy(copy.receive.data + copy.copied_bytes, payload + copy.copied_bytes,
              static_cast<size_t>(bytes));
  copy.copied_bytes += bytes;
  if (copy.copied_bytes < copy.header.bytes) return true;
  const Copy finished = copy;
  copies_.pop_front();
  send_wire({.header = finished.header, .run = run_, .id = finished.id, .tag = kReceipt}, from, {});
  endpoint_->complete(finished.receive, finished.header);
  return true;
}

void MpiCarrier::finish_copied(int64_t id) {
  const auto found = announced_.find(id);
  if (found == announced_.end()) return;
  const OutgoingMessage message = std::move(found->second);
  announced_.erase(found);
  endpoint_->finish(*message.batch, message.item);
}

}  // namespace weft::comm
