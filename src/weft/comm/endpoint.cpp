#include "weft/comm/endpoint.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/comm/delay_line.hpp"

namespace weft::comm {

Endpoint::Endpoint(const EndpointConfig& config, Carrier& carrier)
    : config_(config), carrier_(carrier), faults_(config.faults, config.rank) {
  if (!faults_.empty()) delay_line_ = std::make_unique<DelayLine>(*this);
}

Endpoint::~Endpoint() = default;

void Endpoint::set_step(int64_t step) {
  const std::lock_guard lock(mutex_);
  step_ = step;
}

int64_t Endpoint::step() const {
  const std::lock_guard lock(mutex_);
  return step_;
}

uint64_t Endpoint::open_channel(const std::string& name, std::span<const int> ranks) {
  std::string identity = name;
  for (const int rank : ranks) identity += fmt::format(" {}", rank);
  const std::lock_guard lock(mutex_);
  const int count = channel_counts_[identity]++;
  const uint64_t id = channel_id(fmt::format("{}/{}", identity, count));
  channels_[id] = name;
  return id;
}

uint64_t Endpoint::name_channel(const std::string& name) {
  const std::lock_guard lock(mutex_);
  const uint64_t id = channel_id(name);
  channels_[id] = name;
  return id;
}

int64_t Endpoint::begin_operation(const MessageHeader& header) {
  faults_.start_operation();
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  recent_[static_cast<size_t>(num_operations_) % kRecent] = {header, Clock::now(), {}};
  return num_operations_++;
}

void Endpoint::end_operation(int64_t id) {
  const std::lock_guard lock(mutex_);
  if (id + static_cast<int64_t>(kRecent) < num_operations_) return;
  recent_[static_cast<size_t>(id) % kRecent].end = Clock::now();
}

void Endpoint::send(Batch& batch, MessageHeader header, int to, const std::byte* data,
                    Buffer* exchange) {
  header.key.from = rank();
  header.job = config_.job;
  if (kChecksums) header.checksum = checksum({data, static_cast<size_t>(header.bytes)});
  OutgoingMessage message{
      .header = header, .to = to, .data = data, .exchange = exchange, .eager = {}};
  if (header.bytes <= kEagerBytes && exchange == nullptr) {
    message.eager.assign(data, data + header.bytes);
    message.data = nullptr;
  }
  {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    if (message.data != nullptr) {
      message.batch = &batch;
      message.item = batch.add(to, true);
    }
  }
  if (!faults_.empty()) {
    const FaultInjector::Fate fate = faults_.send(header, to);
    if (fate.dropped) {
      if (message.batch != nullptr) finish(*message.batch, message.item);
      return;
    }
    if (fate.due) {
      delay_line_->hold(std::move(message), *fate.due);
      return;
    }
  }
  const size_t item = message.item;
  const bool is_open = message.batch != nullptr;
  try {
    carry(std::move(message));
  } catch (...) {  // nobody has the message: the batch must not wait for it
    if (is_open) finish(batch, item);
    throw;
  }
}

MemoryResource& Endpoint::link_memory(int to) {
  MemoryResource* memory = carrier_.link_memory(to);
  return memory != nullptr ? *memory : host_memory();
}

void Endpoint::carry(OutgoingMessage message) { carrier_.carry(*this, std::move(message)); }

void Endpoint::receive(Batch& batch, PostedReceive receive) {
  std::optional<ArrivedMessage> message;
  {
    const std::lock_guard lock(mutex_);
    if (failure_) std::rethrow_exception(failure_);
    receive.batch = &batch;
    receive.item = batch.items.size();
    message = mailbox_.post(receive);
    batch.add(receive.expected.key.from, false);
  }
  if (message) match(receive, std::move(*message));
}

void Endpoint::arrive(ArrivedMessage message) {
  std::optional<PostedReceive> receive;
  {
    const std::lock_guard lock(mutex_);
    receive = mailbox_.arrive(message);
  }
  if (receive) match(*receive, std::move(message));
}

void Endpoint::match(const PostedReceive& receive, ArrivedMessage arrived) {
  OutgoingMessage& message = arrived.message;
  const bool accepted = accept(receive, message.header);
  if (accepted && arrived.remote_id >= 0) {
    carrier_.fetch(*this, receive, arrived);
    return;
  }
  if (accepted) {
    Buffer* mine = receive.exchange;
    Buffer* theirs = message.exchange;
    if (mine != nullptr && theirs != nullptr && mine->size_bytes() == theirs->size_bytes()) {
      std::swap(*mine, *theirs);
    } else if (message.header.bytes > 0) {
      const std::byte* from = message.batch != nullptr ? message.data : message.eager.data();
      std::memcpy(receive.data, from, static_cast<size_t>(message.header.bytes));
    }
    complete(receive, message.header);
  } else {
    finish(*receive.batch, receive.item);
  }
  if (arrived.sender != nullptr) arrived.sender->finish(*message.batch, message.item);
}

bool Endpoint::accept(const PostedReceive& receive, const MessageHeader& header) {
  const MessageHeader& expected = receive.expected;
  std::string fault;
  if (!receive.any_shape && !expected.same_call(header)) {
    fault =
        fmt::format("rank {} and rank {} disagree: rank {} calls {}{}, rank {} calls {}{}", rank(),
                    header.key.from, rank(), name_of(expected),
                    expected.step == header.step ? "" : fmt::format(" in step {}", expected.step),
                    header.key.from, name_of(header),
                    expected.step == header.step ? "" : fmt::format(" in step {}", header.step));
  } else if (header.bytes > receive.capacity ||
             (!receive.any_shape && header.bytes != receive.capacity)) {
    fault = fmt::format("rank {} sends {} bytes for {}; rank {} expects {}{}", header.key.from,
                        header.bytes, name_of(expected), rank(),
                        receive.any_shape ? "at most " : "", receive.capacity);
  }
  if (fault.empty()) return true;
  const std::lock_guard lock(mutex_);
  if (receive.batch->fault.empty()) receive.batch->fault = std::move(fault);
  announce_change();
  return false;
}

void Endpoint::complete(const PostedReceive& receive, const MessageHeader& header) {
  std::string fault;
  if (kChecksums) {
    const std::byte* data = receive.exchange != nullptr ? receive.exchange->data() : receive.data;
    if (checksum({data, static_cast<size_t>(header.bytes)}) != header.checksum) {
      fault = fmt::format(
          "the payload of {} changed on its way from rank {} to rank {} (was it written after it "
          "was sent?)",
          name_of(header), header.key.from, rank());
    }
  }
  const std::lock_guard lock(mutex_);
  if (!fault.empty()) receive.batch->fault = fault;
  if (receive.header_out != nullptr) *receive.header_out = header;
  receive.batch->finish(receive.item);
  if (receive.batch->pending == 0 || !fault.empty()) announce_change();
}

void Endpoint::finish(Batch& batch, size_t item) { finish_items(batch, {item}); }

void Endpoint::finish_items(Batch& batch, const std::vector<size_t>& items) {
  const std::lock_guard lock(mutex_);
  for (const size_t item : items) batch.finish(item);
  if (batch.pending == 0) announce_change();
}

std::vector<size_t> Endpoint::withdraw_messages(const Batch& batch) {
  const std::lock_guard lock(mutex_);
  return mailbox_.withdraw_messages(batch);
}

void Endpoint::release(std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  if (!failure_) failure_ = std::move(error);
  announce_change();
}

bool Endpoint::is_released() const {
  const std::lock_guard lock(mutex_);
  return failure_ != nullptr;
}

void Endpoint::set_ended() {
  const std::lock_guard lock(mutex_);
  ended_ = true;
}

void Endpoint::flush_delays() { delay_line_.reset(); }

void Endpoint::set_notes(std::function<std::vector<std::string>()> notes) {
  const std::lock_guard lock(notes_mutex_);
  notes_ = std::move(notes);
}

}  // namespace weft::comm
