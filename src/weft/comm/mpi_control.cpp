// How a world of processes ends: normally, with an error of one rank, or without progress.
#include <sched.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>

#include "weft/comm/mpi_carrier.hpp"
#include "weft/comm/world.hpp"

namespace weft::comm {

namespace {

constexpr int kControlTag = 2;
constexpr size_t kControlBytes = size_t{256} * 1024;
/// How long ranks have to answer before a report is made without them.
constexpr std::chrono::milliseconds kAnswer{1000};

/// How long a failing rank listens for a lower one that fails at the same moment.
constexpr std::chrono::milliseconds kListen{50};

/// All kinds, in the order of their numbers on the wire.
constexpr std::array kKinds = {ErrorKind::internal,   ErrorKind::usage,  ErrorKind::data,
                               ErrorKind::checkpoint, ErrorKind::device, ErrorKind::communication,
                               ErrorKind::numeric};

std::string abort_text(const Error& error) {
  const nlohmann::json object = {{"abort", static_cast<int>(error.kind())},
                                 {"rank", error.rank()},
                                 {"message", error.what()},
                                 {"hint", error.hint()}};
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

Error error_of(const nlohmann::json& object) {
  const auto kind = std::min(object.at("abort").get<size_t>(), kKinds.size() - 1);
  return Error(kKinds[kind], object.at("message").get<std::string>(),
               object.at("hint").get<std::string>(), object.at("rank").get<int>());
}

}  // namespace

void MpiCarrier::listen_for_control(size_t slot) {
  auto& buffer = control_buffers_[slot];
  buffer.resize(kControlBytes);
  requests_->receive_any(buffer.data(), static_cast<int64_t>(buffer.size()), kControlTag,
                         [this, slot](int from, int64_t bytes) {
                           const std::string text(
                               reinterpret_cast<const char*>(control_buffers_[slot].data()),
                               static_cast<size_t>(bytes));
                           listen_for_control(slot);
                           hear_control(from, text);
                         });
}

void MpiCarrier::send_control(const std::string& text) {
  const auto shared = std::make_shared<std::string>(text.substr(0, kControlBytes));
  for (int rank = 0; rank < size_; ++rank) {
    if (rank == rank_) continue;
    requests_->send_whole(reinterpret_cast<const std::byte*>(shared->data()),
                          static_cast<int64_t>(shared->size()), rank, kControlTag,
                          [this, shared] { --control_sends_; });
    ++control_sends_;
    session_->doorbell().ring(rank);
  }
}

void MpiCarrier::hear_control(int from, const std::string& text) {
  if (stopped_) return;
  const auto object = nlohmann::json::parse(text, nullptr, false);
  if (object.is_discarded()) return;
  if (object.contains("end")) return note_end(from, object.at("end").get<int64_t>());
  if (object.contains("abort")) {
    {
      // Of several ranks that fail at once, the lowest reports.
      const std::lock_guard lock(mutex_);
      if (failure_ && from > rank_) return;
      failure_ = std::make_exception_ptr(ReleasedError(error_of(object)));
      provisional_ = false;
    }
    return stop();
  }
  collect_reports();
  reports_[static_cast<size_t>(from)] = rank_report_from_json(text);
  // Not at once: completions that this poll has found may be waited for.
  if (all_have_answered()) hang_until_ = Clock::now();
}

void MpiCarrier::fail(Endpoint& /*from*/, const Error& error, bool provisional) {
  {
    const std::lock_guard lock(mutex_);
    if (failure_) {
      if (provisional_ && !provisional) {
        failure_ = std::make_exception_ptr(error);
        provisional_ = false;
      }
      return;
    }
    failure_ = std::make_exception_ptr(error);
    provisional_ = provisional;
  }
  command([this, error] {
    send_control(abort_text(error));
    flush();
    const auto until = Clock::now() + kListen;
    while (!stopped_ && Clock::now() < until) {
      if (requests_->poll() == 0) sched_yield();
    }
    stop();
  });
}

void MpiCarrier::report_hang(Endpoint& /*from*/) {
  command([this] { collect_reports(); });
}

// Every rank that hears of a hang tells all others what it knows, so that all of them come to the
// same report.
void MpiCarrier::collect_reports() {
  if (hang_until_) return;
  hang_until_ = Clock::now() + kAnswer;
  reports_.assign(static_cast<size_t>(size_), std::nullopt);
  RankReport own;
  own.rank = rank_;
  own.ended = true;
  if (endpoint_ != nullptr) own = endpoint_->report();
  send_control(to_json(own));
  reports_[static_cast<size_t>(rank_)] = std::move(own);
}

bool MpiCarrier::all_have_answered() const {
  return std::ranges::all_of(reports_, [](const auto& report) { return report.has_value(); });
}

void MpiCarrier::finish_hang() {
  const auto answered =
      std::ranges::find_if(reports_, [](const auto& report) { return report.has_value(); });
  const int reporter = static_cast<int>(answered - reports_.begin());
  const Error error(ErrorKind::communication, hang_report(reports_), {}, reporter);
  hang_until_.reset();
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) {
      failure_ = reporter == rank_ ? std::make_exception_ptr(error)
                                   : std::make_exception_ptr(ReleasedError(error));
    }
  }
  // Whoever is alive has had time to take this rank's report, unless all answers came quickly.
  if (all_have_answered()) flush();
  stop();
}

void MpiCarrier::end(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    if (!failure_) {
      Error own = error;
      own.set_rank(rank_);
      failure_ = std::make_exception_ptr(own);
    }
  }
  stop();
}

void MpiCarrier::announce_end() {
  command([this] { send_control(nlohmann::json({{"end", run_}}).dump()); });
}

void MpiCarrier::note_end(int from, int64_t run) {
  last_end_[static_cast<size_t>(from)] = std::max(last_end_[static_cast<size_t>(from)], run);
  if (finished_ == nullptr || run < run_) return;
  const auto item = static_cast<size_t>(from < rank_ ? from : from - 1);
  endpoint_->finish(*finished_, item);
}

}  // namespace weft::comm
