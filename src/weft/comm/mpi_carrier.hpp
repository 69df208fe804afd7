#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

#include "weft/comm/backoff.hpp"
#include "weft/comm/carrier.hpp"
#include "weft/comm/endpoint.hpp"
#include "weft/comm/mpi_requests.hpp"
#include "weft/comm/mpi_session.hpp"

namespace weft::comm {

/// Carrier between processes. Its communication thread makes every MPI call, all of them
/// nonblocking; other threads hand it commands. See docs/adr/0006-mpi-progress.md.
///
/// A small payload travels with its header. A large one is announced by its header and stays with
/// the sender until the receiver, which has a place for it, sends a credit; then it is put into
/// that place. What lies in memory that the receiver can read is copied by the receiver instead.
class MpiCarrier final : public Carrier {
 public:
  struct Config {
    int64_t max_message_bytes = 0;  ///< larger payloads travel in several messages
    bool shares_memory = true;      ///< as in WorldConfig
  };

  /// Starts the thread and MPI. Throws what MpiSession throws.
  explicit MpiCarrier(const Config& config);
  /// Ends MPI, together with all other ranks; after a failure at once and without MPI_Finalize.
  ~MpiCarrier() override;

  int rank() const { return rank_; }
  int size() const { return size_; }
  int local_size() const { return local_size_; }

  /// Messages go to and come from this endpoint until `detach`. `finished` gets one item per other
  /// rank, done when that rank has called announce_end.
  void attach(Endpoint& endpoint, Batch& finished);
  void announce_end();
  void detach();

  /// Whether this process's world has failed, and with what.
  std::exception_ptr failure();

  void carry(Endpoint& from, OutgoingMessage message) override;
  void fetch(Endpoint& to, const PostedReceive& receive, const ArrivedMessage& message) override;
  MemoryResource* link_memory(int to) override;
  void fail(Endpoint& from, const Error& error, bool provisional) override;
  void report_hang(Endpoint& from) override;
  void withdraw(Endpoint& owner, Batch& batch) override;

 private:
  struct Wire;
  /// A payload on its way out of another process's memory.
  struct Copy {
    PostedReceive receive;
    MessageHeader header;
    int64_t id = 0;  ///< the sender's
    int64_t offset = 0;
    int64_t copied_bytes = 0;
  };
  using Clock = std::chrono::steady_clock;

  // The thread and its queue (mpi_carrier.cpp).
  void run();
  void loop();
  bool is_idle() const;
  void command(std::function<void()> work);
  void run_commands();
  void flush();
  void stop();

  // Messages (mpi_messages.cpp); on the communication thread.
  void listen_for_messages(size_t slot);
  void hear_message(const std::byte* data, int64_t bytes);
  void send_message(OutgoingMessage message);
  void send_wire(const Wire& wire, int to, std::span<const std::byte> payload);
  void receive_payload(const PostedReceive& receive, const ArrivedMessage& message);
  void send_payload(int64_t id, int tag);
  bool copy_payloads();
  void finish_copied(int64_t id);

  // Failures and ends (mpi_control.cpp); on the communication thread.
  void listen_for_control(size_t slot);
  void hear_control(int from, const std::string& text);
  void send_control(const std::string& text);
  void collect_reports();
  bool all_have_answered() const;
  void finish_hang();
  void note_end(int from, int64_t run);
  void end(const Error& error);

  static constexpr size_t kMessageListeners = 16;
  static constexpr size_t kControlListeners = 4;

  Config config_;
  int rank_ = 0;
  int size_ = 1;
  int local_size_ = 1;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> commands_;
  std::exception_ptr failure_;  // what this process's world ended with
  bool provisional_ = false;
  bool started_ = false;
  bool stopped_ = false;  // no MPI call is made any more
  bool shutdown_ = false;
  std::exception_ptr start_error_;

  // Only the communication thread touches these.
  std::unique_ptr<MpiSession> session_;
  std::unique_ptr<MpiRequests> requests_;
  Endpoint* endpoint_ = nullptr;
  Batch* finished_ = nullptr;
  int64_t run_ = 0;
  std::vector<int64_t> last_end_;              // by rank: the last run whose end it announced
  std::vector<std::vector<std::byte>> early_;  // messages of a run that has not begun here
  std::unordered_map<int64_t, OutgoingMessage> announced_;
  std::deque<Copy> copies_;
  int64_t next_id_ = 0;
  int next_tag_ = 0;
  int payloads_ = 0;       // on their way
  int control_sends_ = 0;  // on their way
  std::optional<Clock::time_point> hang_until_;
  std::vector<std::optional<RankReport>> reports_;
  std::array<std::vector<std::byte>, kMessageListeners> message_buffers_;
  std::array<std::vector<std::byte>, kControlListeners> control_buffers_;

  std::thread thread_;  // last: uses the rest
};

}  // namespace weft::comm
