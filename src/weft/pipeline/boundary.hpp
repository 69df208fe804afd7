#pragma once

#include <cstdint>
#include <vector>

#include "weft/comm/link_receiver.hpp"
#include "weft/comm/link_sender.hpp"
#include "weft/comm/link_wait.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::pipeline {

/// What crosses from one stage to the next: every tensor of a pipeline has this type and shape, and
/// travels in a buffer of exactly its size.
struct BoundaryTensor {
  DType dtype = DType::f32;
  Shape shape;  ///< [T, H]

  size_t size_bytes() const { return static_cast<size_t>(shape.num_elements()) * size_of(dtype); }
  TensorView view(const Buffer& buffer) const { return {buffer.data(), dtype, shape}; }
};

/// Where a chunk's outputs, or its input gradients, leave for another stage. Buffers are exchanged,
/// never copied within a process: whoever sends a full one gets an empty one.
class Outlet {
 public:
  virtual ~Outlet() = default;
  /// Whether `microbatch` may be sent.
  virtual bool is_free(int64_t microbatch) = 0;
  /// Makes `wait` end once something can be sent.
  virtual void await(comm::LinkWait& wait) = 0;
  /// Sends what `full` holds and leaves an empty buffer in its place. Must be free.
  virtual void send(int64_t microbatch, Buffer& full) = 0;
};

/// Where a chunk's inputs, or its output gradients, come from.
class Inlet {
 public:
  virtual ~Inlet() = default;
  virtual void begin_step(int64_t num_microbatches) = 0;
  virtual bool has_arrived(int64_t microbatch) = 0;
  /// Whether it comes from another rank.
  virtual bool is_link() const = 0;
  /// Makes `wait` end once `microbatch`, which has not been taken, has arrived.
  virtual void await(int64_t microbatch, comm::LinkWait& wait) = 0;
  /// Exchanges `empty` for the buffer of `microbatch`, which must have arrived.
  virtual void take(int64_t microbatch, Buffer& empty) = 0;
};

/// To a stage on another rank.
class LinkOutlet final : public Outlet {
 public:
  LinkOutlet(comm::Endpoint& endpoint, const comm::LinkChannel& channel, int peer,
             const BoundaryTensor& tensor, MemoryResource& memory)
      : tensor_(tensor),
        link_(endpoint, channel, peer, static_cast<int64_t>(tensor.size_bytes()), memory) {}

  bool is_free(int64_t /*microbatch*/) override { return link_.is_free(); }
  void await(comm::LinkWait& wait) override { wait.add(link_); }
  void send(int64_t microbatch, Buffer& full) override {
    link_.send(microbatch, tensor_.dtype, tensor_.shape, full);
  }

 private:
  BoundaryTensor tensor_;
  comm::LinkSender link_;
};

/// From a stage on another rank.
class LinkInlet final : public Inlet {
 public:
  LinkInlet(comm::Endpoint& endpoint, const comm::LinkChannel& channel, int peer,
            const BoundaryTensor& tensor, int num_slots, MemoryResource& memory)
      : link_(endpoint, channel, peer, static_cast<int64_t>(tensor.size_bytes()), num_slots,
              memory) {}

  void begin_step(int64_t num_microbatches) override { link_.begin_step(num_microbatches); }
  bool has_arrived(int64_t microbatch) override { return link_.has_arrived(microbatch); }
  bool is_link() const override { return true; }
  void await(int64_t microbatch, comm::LinkWait& wait) override { wait.add(link_, microbatch); }
  void take(int64_t microbatch, Buffer& empty) override { link_.take(microbatch, empty); }

 private:
  comm::LinkReceiver link_;
};

/// Between two stages of one rank, both ends at once. A microbatch on its way is held by the stage
/// that comes first in layer order, so as many buffers as microbatches can be held are enough.
class Handover final : public Outlet, public Inlet {
 public:
  Handover(const BoundaryTensor& tensor, size_t num_buffers, MemoryResource& memory);

  bool is_free(int64_t microbatch) override { return at(microbatch).microbatch < 0; }
  void send(int64_t microbatch, Buffer& full) override;
  void begin_step(int64_t /*num_microbatches*/) override {}
  bool has_arrived(int64_t microbatch) override { return at(microbatch).microbatch == microbatch; }
  bool is_link() const override { return false; }
  void take(int64_t microbatch, Buffer& empty) override;
  // Nothing but the rank's own tasks changes what it waits for here.
  void await(comm::LinkWait& /*wait*/) override {}
  void await(int64_t /*microbatch*/, comm::LinkWait& /*wait*/) override {}

 private:
  struct Place {
    Buffer buffer;
    int64_t microbatch = -1;  ///< that it holds; -1: empty
  };

  Place& at(int64_t microbatch) {
    return places_[static_cast<size_t>(microbatch) % places_.size()];
  }

  std::vector<Place> places_;
};

}  // namespace weft::pipeline
