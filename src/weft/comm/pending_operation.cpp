#include "weft/comm/pending_operation.hpp"

#include <utility>

namespace weft::comm {

void PendingOperation::State::finish(std::exception_ptr error) {
  const std::lock_guard lock(mutex_);
  done_ = true;
  error_ = std::move(error);
  changed_.notify_all();
}

bool PendingOperation::State::is_done() {
  const std::lock_guard lock(mutex_);
  return done_;
}

void PendingOperation::State::wait() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return done_; });  // the operation's own waits have the deadline
}

std::exception_ptr PendingOperation::State::error() {
  const std::lock_guard lock(mutex_);
  return error_;
}

PendingOperation::~PendingOperation() { settle(); }

PendingOperation& PendingOperation::operator=(PendingOperation&& other) noexcept {
  if (this != &other) {
    settle();
    state_ = std::move(other.state_);
  }
  return *this;
}

void PendingOperation::wait() {
  if (!state_) return;
  state_->wait();
  const std::exception_ptr error = std::exchange(state_, nullptr)->error();
  if (error) std::rethrow_exception(error);
}

void PendingOperation::settle() noexcept {
  if (!state_) return;
  if (std::uncaught_exceptions() > exceptions_ && !state_->is_done()) state_->abandon();
  state_->wait();
}

}  // namespace weft::comm
