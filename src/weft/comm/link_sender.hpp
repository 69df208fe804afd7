#pragma once

#include <exception>
#include <vector>

#include "weft/comm/batch.hpp"
#include "weft/comm/endpoint.hpp"
#include "weft/comm/link_channel.hpp"

namespace weft::comm {

/// The sending end of a link: one out-buffer that a task writes and that is free again when the
/// receiver has granted a slot and the tensor has left. Within a process the buffer is exchanged
/// for the slot's empty one, so its address changes with every message; take `buffer()` anew each
/// time. Used by one thread; the endpoint outlives it.
class LinkSender {
 public:
  /// `peer` is the rank of the world that receives; `buffer_bytes` is equal on all buffers of the
  /// channel. The out-buffer lies where the peer takes it fastest.
  LinkSender(Endpoint& endpoint, const LinkChannel& channel, int peer, int64_t buffer_bytes);
  /// The out-buffer comes from `resource`. Out of other memory than Endpoint::link_memory a payload
  /// may be copied more often on its way to another process.
  LinkSender(Endpoint& endpoint, const LinkChannel& channel, int peer, int64_t buffer_bytes,
             MemoryResource& resource);
  /// Waits until the last message has left.
  ~LinkSender();
  LinkSender(const LinkSender&) = delete;
  LinkSender& operator=(const LinkSender&) = delete;

  /// Whether the out-buffer may be written and sent.
  bool is_free();
  /// Blocks until is_free(). Throws Error{communication} as Endpoint::wait does.
  void wait_free();

  /// Room for a tensor in the out-buffer, which must be free. Throws Error{internal} when the
  /// tensor is larger than the buffer.
  TensorView buffer(DType dtype, const Shape& shape);

  /// Sends the first bytes of the out-buffer, a tensor of that type and shape, as the message of
  /// `microbatch` in the endpoint's step. Does not block; the out-buffer must be free.
  void send(int64_t microbatch, DType dtype, const Shape& shape);
  /// As send of the tensor in `full`, which is exchanged for the empty out-buffer of equal size.
  void send(int64_t microbatch, DType dtype, const Shape& shape, Buffer& full);

  /// For LinkWait, with the endpoint's lock held: whether the last message has left or never will,
  /// and who has to take it.
  bool is_settled() const { return batch_.pending == 0 || !batch_.fault.empty(); }
  void add_debts(std::vector<Debt>& debts, double seconds) const {
    endpoint_.add_debts(batch_, last_, debts, seconds);
  }

 private:
  Endpoint& endpoint_;
  int peer_;
  uint64_t channel_;
  Buffer buffer_;
  Batch batch_;
  MessageHeader last_;
  int64_t operation_ = -1;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace weft::comm
