#pragma once

#include "weft/base/error.hpp"
#include "weft/comm/batch.hpp"
#include "weft/comm/mailbox.hpp"
#include "weft/device/memory_resource.hpp"

namespace weft::comm {

/// What happens to messages and failures between ranks; one implementation per kind of world.
/// Called by the threads of the ranks, never with an endpoint's lock held.
class Carrier {
 public:
  virtual ~Carrier() = default;

  /// Brings a message to the mailbox of the rank `message.to`. Does not block.
  virtual void carry(Endpoint& from, OutgoingMessage message) = 0;

  /// Gets the payload of a message that another process announced. Does not block.
  virtual void fetch(Endpoint& to, const PostedReceive& receive, const ArrivedMessage& message) = 0;

  /// Memory out of which rank `to` takes payloads with a single copy; null: no memory is better
  /// than another. Outlives the ranks' functions.
  virtual MemoryResource* link_memory(int to) = 0;

  /// Ends the world with `error` of rank `from` unless it is ending already: every rank's waits
  /// throw. A `provisional` error stands until the same rank says what really happened.
  virtual void fail(Endpoint& from, const Error& error, bool provisional) = 0;

  /// The deadline of a wait of `from` has passed: collects all ranks' reports and ends the world.
  /// May return before that is done.
  virtual void report_hang(Endpoint& from) = 0;

  /// Takes back what `batch` of `owner` still has under way, after the world has failed. On
  /// return nothing touches the batch's memory any more.
  virtual void withdraw(Endpoint& owner, Batch& batch) = 0;
};

}  // namespace weft::comm
