#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>

namespace weft::comm {

/// An asynchronous operation under way. Whoever holds it waits for it; a handle that is destroyed
/// early waits too, except while an exception passes: then the rank is failing, the world is told,
/// and the operation ends with it.
class PendingOperation {
 public:
  /// Shared with the thread that runs the operation.
  class State {
   public:
    explicit State(std::function<void()> abandon) : abandon_(std::move(abandon)) {}
    void finish(std::exception_ptr error);
    bool is_done();
    void wait();
    void abandon() { abandon_(); }
    std::exception_ptr error();

   private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool done_ = false;
    std::exception_ptr error_;
    std::function<void()> abandon_;
  };

  PendingOperation() = default;
  explicit PendingOperation(std::shared_ptr<State> state) : state_(std::move(state)) {}
  ~PendingOperation();
  PendingOperation(PendingOperation&&) noexcept = default;
  PendingOperation& operator=(PendingOperation&& other) noexcept;
  PendingOperation(const PendingOperation&) = delete;
  PendingOperation& operator=(const PendingOperation&) = delete;

  /// Whether wait() would return at once.
  bool is_done() const { return !state_ || state_->is_done(); }
  /// Returns when the operation is complete and throws what it threw.
  void wait();

 private:
  void settle() noexcept;

  std::shared_ptr<State> state_;
  int exceptions_ = std::uncaught_exceptions();
};

}  // namespace weft::comm
