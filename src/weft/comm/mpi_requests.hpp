#pragma once

#include <mpi.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace weft::comm {

/// Nonblocking MPI transfers under way and what to do when each is complete. Used by the
/// communication thread only.
class MpiRequests {
 public:
  /// Transfers of more than `max_message_bytes` go as several messages, since MPI counts are ints.
  explicit MpiRequests(MPI_Comm comm, int64_t max_message_bytes)
      : comm_(comm), max_message_bytes_(max_message_bytes) {}

  /// `done` runs in poll(), once for the whole transfer. Throws Error{communication} when MPI
  /// refuses.
  void send(const std::byte* data, int64_t bytes, int to, int tag, std::function<void()> done);
  void receive(std::byte* data, int64_t bytes, int from, int tag, std::function<void()> done);

  /// As send, always as one message, for what receive_any hears.
  void send_whole(const std::byte* data, int64_t bytes, int to, int tag,
                  std::function<void()> done);

  /// As receive, for one message of at most `bytes` from any rank; `done` gets its source and size.
  void receive_any(std::byte* data, int64_t bytes, int tag,
                   std::function<void(int from, int64_t bytes)> done);

  /// Lets MPI make progress and runs what is complete. Returns the number of completed requests.
  int poll();

  /// Nothing that completes from now on runs, not even what the poll() under way has found.
  void stop() { stopped_ = true; }

  /// Cancels the receives from any rank, for the end of the session.
  void cancel_receives();

  /// Whether nothing is under way but receives from any rank.
  bool only_listens() const;

 private:
  struct Active {
    std::function<void()> done;                          // of the last message of a transfer
    std::function<void(int from, int64_t bytes)> heard;  // of receives from any rank
  };

  MPI_Comm comm_;
  int64_t max_message_bytes_;
  bool stopped_ = false;
  std::vector<MPI_Request> requests_;
  std::vector<Active> active_;
  std::vector<int> indices_;
  std::vector<MPI_Status> statuses_;
};

}  // namespace weft::comm
