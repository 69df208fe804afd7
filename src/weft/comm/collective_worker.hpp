#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "weft/comm/collective.hpp"
#include "weft/comm/pending_operation.hpp"

namespace weft::comm {

/// Runs the asynchronous collectives of one communicator in their order, on a thread of its own.
class CollectiveWorker {
 public:
  CollectiveWorker(Endpoint& endpoint, const CollectiveTeam& team);
  /// Ends when everything that was started has ended.
  ~CollectiveWorker();
  CollectiveWorker(const CollectiveWorker&) = delete;
  CollectiveWorker& operator=(const CollectiveWorker&) = delete;

  PendingOperation start(const CollectiveCall& call);

 private:
  struct Job {
    CollectiveCall call;
    std::shared_ptr<PendingOperation::State> state;
  };

  void run();

  Endpoint& endpoint_;
  CollectiveLane lane_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace weft::comm
