#pragma once

#include <cstdint>
#include <vector>

#include "weft/comm/endpoint.hpp"
#include "weft/comm/link_receiver.hpp"
#include "weft/comm/link_sender.hpp"

namespace weft::comm {

/// One wait for whichever comes first: a message of a link, or the end of one that is leaving. Made
/// anew for every wait; the links outlive it and share its endpoint.
class LinkWait {
 public:
  explicit LinkWait(Endpoint& endpoint) : endpoint_(endpoint) {}

  void add(LinkReceiver& link, int64_t microbatch) { awaited_.push_back({&link, microbatch}); }
  void add(const LinkSender& link) { leaving_.push_back(&link); }
  bool empty() const { return awaited_.empty() && leaving_.empty(); }

  /// Blocks until one of them has happened, at most until `until`. Whether it has. Throws
  /// Error{communication} as Endpoint::wait does.
  bool wait(Endpoint::Clock::time_point until = Endpoint::Clock::time_point::max());

 private:
  Endpoint& endpoint_;
  std::vector<LinkReceiver::Awaited> awaited_;
  std::vector<const LinkSender*> leaving_;
};

}  // namespace weft::comm
