#pragma once

#include <exception>
#include <memory>
#include <mutex>
#include <vector>

#include "weft/comm/carrier.hpp"
#include "weft/comm/endpoint.hpp"

namespace weft::comm {

/// Carrier between ranks that are threads of one process: the second of message and receive to
/// come moves the payload, and all ranks' reports are at hand.
class ThreadCarrier final : public Carrier {
 public:
  /// Makes the endpoints of `num_ranks` ranks; `config.rank` is ignored.
  ThreadCarrier(const EndpointConfig& config, int num_ranks);

  Endpoint& endpoint(int rank) { return *endpoints_[static_cast<size_t>(rank)]; }

  void carry(Endpoint& from, OutgoingMessage message) override;
  void fetch(Endpoint& to, const PostedReceive& receive, const ArrivedMessage& message) override;
  /// Buffers change places: no memory is better than another.
  MemoryResource* link_memory(int /*to*/) override { return nullptr; }
  void fail(Endpoint& from, const Error& error, bool provisional) override;
  void report_hang(Endpoint& from) override;
  void withdraw(Endpoint& owner, Batch& batch) override;

  /// Throws the error that ended the world, if one did, or that messages are left which nobody
  /// asked for. Call it when no rank runs any more.
  void check_end() const;

 private:
  void end(int rank, const std::exception_ptr& error, bool provisional);

  std::mutex mutex_;
  std::exception_ptr error_;
  int failed_rank_ = -1;
  bool provisional_ = false;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
};

}  // namespace weft::comm
