#include "weft/comm/collective_worker.hpp"

#include <utility>

namespace weft::comm {

CollectiveWorker::CollectiveWorker(Endpoint& endpoint, const CollectiveTeam& team)
    : endpoint_(endpoint), lane_(endpoint, team), thread_([this] { run(); }) {}

CollectiveWorker::~CollectiveWorker() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

PendingOperation CollectiveWorker::start(const CollectiveCall& call) {
  auto state = std::make_shared<PendingOperation::State>(
      [&endpoint = endpoint_, what = call.header] { endpoint.abandon(what); });
  {
    const std::lock_guard lock(mutex_);
    jobs_.push_back({call, state});
  }
  changed_.notify_all();
  return PendingOperation(std::move(state));
}

void CollectiveWorker::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    std::exception_ptr error;
    try {
      lane_.run(job.call);
    } catch (...) {  // thrown again by whoever waits for the operation
      error = std::current_exception();
    }
    job.state->finish(error);
    lock.lock();
  }
}

}  // namespace weft::comm
