#include "weft/comm/mpi_carrier.hpp"

#include <sched.h>
#include <sys/prctl.h>

#include <utility>

#include "weft/base/error.hpp"
#include "weft/comm/world.hpp"

namespace weft::comm {

namespace {

/// How long a failing rank tries to tell the others why.
constexpr std::chrono::milliseconds kFlush{200};

}  // namespace

MpiCarrier::MpiCarrier(const Config& config) : config_(config), thread_([this] { run(); }) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return started_; });
  if (!start_error_) return;
  lock.unlock();
  thread_.join();
  std::rethrow_exception(start_error_);
}

MpiCarrier::~MpiCarrier() {
  command([this] { shutdown_ = true; });
  thread_.join();
}

void MpiCarrier::run() {
  // The default lets the kernel wake sleepers 50 us late.
  prctl(PR_SET_TIMERSLACK, 1000UL);
  try {
    session_ = std::make_unique<MpiSession>(config_.shares_memory);
  } catch (...) {  // thrown again by the constructor
    start_error_ = std::current_exception();
  }
  {
    const std::lock_guard lock(mutex_);
    if (session_) {
      rank_ = session_->rank();
      size_ = session_->size();
      local_size_ = session_->local_size();
    }
    started_ = true;
  }
  changed_.notify_all();
  if (!session_) return;
  requests_ = std::make_unique<MpiRequests>(session_->comm(), config_.max_message_bytes);
  last_end_.assign(static_cast<size_t>(size_), 0);
  try {
    loop();
  } catch (const Error& error) {
    end(error);
  } catch (const std::exception& error) {
    end(Error(ErrorKind::internal, error.what()));
  }
  // The doorbell is used by other threads until they know that nothing is listening.
  if (!stopped_) session_.reset();
}

void MpiCarrier::loop() {
  for (size_t slot = 0; slot < kMessageListeners; ++slot) listen_for_messages(slot);
  for (size_t slot = 0; slot < kControlListeners; ++slot) listen_for_control(slot);
  MpiDoorbell& doorbell = session_->doorbell();
  uint32_t last_rings = doorbell.count();
  // Ranks of other machines cannot ring.
  Backoff backoff(Clock::now(), local_size_ == size_ ? Backoff::kLongestLocal : Backoff::kLongest);
  while (!stopped_) {
    const uint32_t rings = doorbell.count();
    run_commands();
    if (stopped_ || (shutdown_ && is_idle())) break;
    const bool heard = requests_->poll() > 0;
    const bool copied = copy_payloads();
    const auto now = Clock::now();
    if (hang_until_ && now >= *hang_until_) finish_hang();
    if (heard || copied || rings != last_rings) backoff.event(now);
    last_rings = rings;
    const auto pause = backoff.pause(now, payloads_ > 0);
    if (pause == Backoff::Duration::zero()) {
      sched_yield();
    } else {
      doorbell.sleep(rings, pause);
    }
  }
  if (!stopped_) requests_->cancel_receives();
}

bool MpiCarrier::is_idle() const {
  return announced_.empty() && copies_.empty() && requests_->only_listens();
}

void MpiCarrier::command(std::function<void()> work) {
  // Rung with the lock held: after the last command the thread takes the bell down.
  const std::lock_guard lock(mutex_);
  commands_.push_back(std::move(work));
  session_->doorbell().ring_self();
}

void MpiCarrier::run_commands() {
  std::deque<std::function<void()>> commands;
  {
    const std::lock_guard lock(mutex_);
    commands.swap(commands_);
  }
  for (const auto& work : commands) {
    if (!stopped_) work();
  }
}

void MpiCarrier::flush() {
  const auto until = Clock::now() + kFlush;
  while (!stopped_ && control_sends_ > 0 && Clock::now() < until) {
    if (requests_->poll() == 0) sched_yield();
  }
}

// From here on nothing touches the memory of the ranks: no call back runs any more. Their waits end
// first and withdraw their messages, which takes until stopped_ is set; the endpoint lives as long.
void MpiCarrier::stop() {
  if (stopped_) return;
  session_->abandon();
  requests_->stop();
  if (endpoint_ != nullptr) endpoint_->release(failure());
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
}

std::exception_ptr MpiCarrier::failure() {
  const std::lock_guard lock(mutex_);
  return failure_;
}

void MpiCarrier::attach(Endpoint& endpoint, Batch& finished) {
  for (int rank = 0; rank < size_; ++rank) {
    if (rank != rank_) finished.add(rank, false);
  }
  command([this, &endpoint, &finished] {
    endpoint_ = &endpoint;
    finished_ = &finished;
    ++run_;
    for (int rank = 0; rank < size_; ++rank) {
      if (rank != rank_) note_end(rank, last_end_[static_cast<size_t>(rank)]);
    }
    for (const auto& message : std::exchange(early_, {})) {
      hear_message(message.data(), static_cast<int64_t>(message.size()));
    }
  });
}

void MpiCarrier::detach() {
  std::unique_lock lock(mutex_);
  if (stopped_) return;
  bool detached = false;
  commands_.emplace_back([&] {
    endpoint_ = nullptr;
    finished_ = nullptr;
    const std::lock_guard done_lock(mutex_);
    detached = true;
    changed_.notify_all();
  });
  session_->doorbell().ring_self();
  changed_.wait(lock, [&] { return detached || stopped_; });
}

void MpiCarrier::carry(Endpoint& from, OutgoingMessage message) {
  if (message.to == rank_) {
    Endpoint* sender = message.batch != nullptr ? &from : nullptr;
    from.arrive({.message = std::move(message), .sender = sender});
    return;
  }
  command([this, message = std::move(message)]() mutable { send_message(std::move(message)); });
}

void MpiCarrier::fetch(Endpoint& /*to*/, const PostedReceive& receive,
                       const ArrivedMessage& message) {
  command([this, receive, message] { receive_payload(receive, message); });
}

MemoryResource* MpiCarrier::link_memory(int to) { return session_->neighbours().memory_for(to); }

void MpiCarrier::withdraw(Endpoint& owner, Batch& batch) {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return stopped_; });
  }
  owner.locked([&] { batch.finish_all(); });
}

}  // namespace weft::comm
