#pragma once

#include <cstdint>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include "weft/comm/batch.hpp"
#include "weft/comm/endpoint.hpp"
#include "weft/comm/link_channel.hpp"

namespace weft::comm {

/// A tensor that has been taken from a link: what the header said about the buffer's first bytes.
struct LinkTensor {
  DType dtype = DType::u8;
  Shape shape;
};

/// The receiving end of a link: slots that are granted to microbatches in a fixed order and freed
/// by take(). Messages arrive in any order among the granted ones. Used by one thread; the endpoint
/// outlives it.
class LinkReceiver {
 public:
  /// `peer` is the rank of the world that sends; a channel has at least one slot of its own, never
  /// shared with other channels.
  LinkReceiver(Endpoint& endpoint, const LinkChannel& channel, int peer, int64_t buffer_bytes,
               int num_slots, MemoryResource& resource = host_memory());
  /// Withdraws the grants that nothing has used.
  ~LinkReceiver();
  LinkReceiver(const LinkReceiver&) = delete;
  LinkReceiver& operator=(const LinkReceiver&) = delete;

  /// Grants the slots of the endpoint's step to microbatches 0 .. num_microbatches - 1, in that
  /// order, as slots become free. Everything of the step before must have been taken.
  void begin_step(int64_t num_microbatches);

  /// Whether the message of `microbatch` is here.
  bool has_arrived(int64_t microbatch);

  /// Blocks until the message of `microbatch` is here. Throws Error{communication} as
  /// Endpoint::wait does.
  void wait(int64_t microbatch);

  /// Exchanges the slot that holds `microbatch`, which must have arrived, for the caller's empty
  /// buffer of equal size, and grants the slot to the next microbatch in order.
  LinkTensor take(int64_t microbatch, Buffer& buffer);

  /// Blocks until one of the pairs (link, microbatch) has arrived; returns its index. The links
  /// share an endpoint. Throws Error{communication} as Endpoint::wait does.
  struct Awaited {
    LinkReceiver* link = nullptr;
    int64_t microbatch = 0;
  };
  static size_t wait_any(Endpoint& endpoint, std::span<const Awaited> awaited);

  /// For LinkWait, with the endpoint's lock held: whether the message of `microbatch` is here or
  /// will never be, and who owes it.
  bool is_settled(int64_t microbatch);
  void add_debts(int64_t microbatch, std::vector<Debt>& debts, double seconds);

 private:
  struct Slot {
    Buffer buffer;
    Batch batch;
    MessageHeader header;
    int64_t microbatch = -1;  ///< -1: not granted
  };

  void grant(Slot& slot);
  Slot* slot_of(int64_t microbatch);
  /// Whether the microbatch is here; call it with the endpoint's lock held.
  bool is_here(int64_t microbatch);
  MessageHeader header_of(int64_t microbatch) const;

  Endpoint& endpoint_;
  int peer_;
  uint64_t channel_;
  std::string name_;
  std::vector<Slot> slots_;
  int64_t step_ = 0;
  int64_t next_ = 0;  ///< microbatch that gets the next slot
  int64_t num_microbatches_ = 0;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace weft::comm
