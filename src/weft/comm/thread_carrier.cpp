#include "weft/comm/thread_carrier.hpp"

#include <cassert>
#include <optional>
#include <utility>

namespace weft::comm {

ThreadCarrier::ThreadCarrier(const EndpointConfig& config, int num_ranks) {
  EndpointConfig own = config;
  own.world_size = num_ranks;
  for (own.rank = 0; own.rank < num_ranks; ++own.rank) {
    endpoints_.push_back(std::make_unique<Endpoint>(own, *this));
  }
}

void ThreadCarrier::carry(Endpoint& from, OutgoingMessage message) {
  Endpoint& to = endpoint(message.to);
  Endpoint* sender = message.batch != nullptr ? &from : nullptr;
  to.arrive({.message = std::move(message), .sender = sender});
}

void ThreadCarrier::fetch(Endpoint& /*to*/, const PostedReceive& /*receive*/,
                          const ArrivedMessage& /*message*/) {
  assert(false && "ranks of one process announce nothing");
}

void ThreadCarrier::end(int rank, const std::exception_ptr& error, bool provisional) {
  {
    const std::lock_guard lock(mutex_);
    const bool replaces = provisional_ && !provisional && rank == failed_rank_;
    if (error_ && !replaces) return;
    error_ = error;
    failed_rank_ = rank;
    provisional_ = provisional;
  }
  for (const auto& endpoint : endpoints_) endpoint->release(error);
}

void ThreadCarrier::fail(Endpoint& from, const Error& error, bool provisional) {
  end(from.rank(), std::make_exception_ptr(error), provisional);
}

void ThreadCarrier::report_hang(Endpoint& from) {
  std::vector<std::optional<RankReport>> reports;
  for (const auto& endpoint : endpoints_) reports.emplace_back(endpoint->report());
  fail(from, Error(ErrorKind::communication, hang_report(reports), {}, from.rank()), false);
}

void ThreadCarrier::withdraw(Endpoint& owner, Batch& batch) {
  for (const auto& endpoint : endpoints_) {
    owner.finish_items(batch, endpoint->withdraw_messages(batch));
  }
}

void ThreadCarrier::check_end() const {
  if (error_) std::rethrow_exception(error_);
  for (const auto& endpoint : endpoints_) endpoint->flush_delays();
  for (const auto& endpoint : endpoints_) endpoint->check_nothing_is_left();
}

}  // namespace weft::comm
