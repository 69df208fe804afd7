#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "weft/comm/carrier.hpp"
#include "weft/comm/fault.hpp"
#include "weft/comm/hang_report.hpp"
#include "weft/comm/mailbox.hpp"
#include "weft/comm/message.hpp"

namespace weft::comm {

class DelayLine;

/// What an endpoint is told by its world.
struct EndpointConfig {
  int rank = 0;
  int world_size = 1;
  uint64_t job = 0;
  std::chrono::duration<double> timeout{600.0};  ///< deadline of every blocking wait
  /// How long a wait watches for its end before it sleeps.
  std::chrono::nanoseconds spin{0};
  std::vector<Fault> faults = {};
};

/// A rank's access to the other ranks: posts messages and receives, waits with a deadline, and
/// knows what it is waiting for. Communicators and links are written on top of it, once for all
/// kinds of worlds. Safe to use from several threads of the rank.
class Endpoint {
 public:
  using Clock = std::chrono::steady_clock;

  Endpoint(const EndpointConfig& config, Carrier& carrier);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  int rank() const { return config_.rank; }
  int world_size() const { return config_.world_size; }
  uint64_t job() const { return config_.job; }

  /// The training step that operations started from now on belong to. All ranks must agree on it in
  /// every operation.
  void set_step(int64_t step);
  int64_t step() const;

  /// Id of the channel of this name between these ranks, made known to reports. The n-th channel of
  /// one name and one list of ranks meets the n-th of them on the other ranks.
  uint64_t open_channel(const std::string& name, std::span<const int> ranks);
  /// Id of a channel that is the same each time it is named, on all ranks.
  uint64_t name_channel(const std::string& name);

  /// Notes that an operation starts and applies injected faults; throws Error{communication} when
  /// the world has failed. Returns what end_operation takes.
  int64_t begin_operation(const MessageHeader& header);
  void end_operation(int64_t id);

  /// Sends `data` to rank `to`; payloads of at most kEagerBytes are copied and done at once, others
  /// stay in use until the batch's item is done. With `exchange` (the buffer that holds `data`) a
  /// receiver in this process may swap buffers instead of copying. Does not block.
  void send(Batch& batch, MessageHeader header, int to, const std::byte* data,
            Buffer* exchange = nullptr);
  /// Posts a receive; rank, item and batch of `receive` are filled in here. Does not block.
  void receive(Batch& batch, PostedReceive receive);

  /// Where the payloads of links to rank `to` should lie.
  MemoryResource& link_memory(int to);

  /// Blocks until all messages of the batch are done, then empties it. Throws Error{communication}
  /// when the deadline passes, when the other end disagrees about the operation, or when the world
  /// has failed (with the error of the rank that failed); nothing touches the batch afterwards.
  void wait(Batch& batch, const MessageHeader& what);

  /// What a wait is for, as a list of debts; called with the endpoint's lock held.
  using DebtsOf = std::function<void(std::vector<Debt>&, double seconds)>;
  /// Blocks until `done` (called with the endpoint's lock held, after every completed batch) says
  /// so, at most until `until`; returns what it said last. Throws as wait does.
  bool wait_until(const std::function<bool()>& done, const DebtsOf& debts,
                  Clock::time_point until = Clock::time_point::max());

  /// Calls `look` with the endpoint's lock held: how to read a batch that is under way.
  template <typename Look>
  auto locked(Look look) {
    const std::lock_guard lock(mutex_);
    return look();
  }

  /// Takes a batch out of use in a destructor: receives that nothing has reached are withdrawn, the
  /// rest is waited for.
  void settle(Batch& batch, const MessageHeader& what) noexcept;

  /// Takes a batch out of use after an exception kept it from being waited for: the world ends, if
  /// it has not, and nothing touches the batch or its memory afterwards.
  void cancel(Batch& batch, const MessageHeader& what) noexcept;

  /// Says that this rank fails while `what` is under way, for destructors that run because of an
  /// exception: the world ends, and the exception names the reason when it reaches the world.
  void abandon(const MessageHeader& what) noexcept;

  /// Adds the debts of a batch, described by `what`. Call it with the lock held.
  void add_debts(const Batch& batch, const MessageHeader& what, std::vector<Debt>& debts,
                 double seconds) const;

  /// Lines for the hang report from the layers above: current task, ready set. Called from any
  /// thread, without the endpoint's lock; once this has returned the notes of before run no more.
  void set_notes(std::function<std::vector<std::string>()> notes);

  static constexpr int64_t kEagerBytes = 2048;

  // For carriers.

  /// A message has reached this rank.
  void arrive(ArrivedMessage message);
  /// Checks the header of an arrived message against the receive; false (and the batch has a fault)
  /// when they contradict each other.
  bool accept(const PostedReceive& receive, const MessageHeader& header);
  /// The payload is in place: checks it and completes the receive.
  void complete(const PostedReceive& receive, const MessageHeader& header);
  void finish(Batch& batch, size_t item);
  void finish_items(Batch& batch, const std::vector<size_t>& items);
  std::vector<size_t> withdraw_messages(const Batch& batch);
  /// Hands a message to the carrier, late ones too.
  void carry(OutgoingMessage message);
  /// Waits until messages that faults hold back have left; nothing may be sent afterwards.
  void flush_delays();
  /// Makes every wait of this rank throw `error`.
  void release(std::exception_ptr error);
  bool is_released() const;
  /// The function of this rank has returned.
  void set_ended();
  /// Throws Error{communication} when a message has reached this rank that it never asked for: it
  /// left out a call that its peers made. For the end of a run.
  void check_nothing_is_left() const;
  RankReport report() const;

 private:
  struct Record {
    MessageHeader header;
    Clock::time_point begin{};
    Clock::time_point end{};  ///< begin of time while it is running
  };
  struct Wait {
    const DebtsOf* debts;
    Clock::time_point since;
  };

  void match(const PostedReceive& receive, ArrivedMessage message);
  void block(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done,
             const DebtsOf& debts, Clock::time_point until = Clock::time_point::max());
  /// Watches for a change for at most config_.spin; returns once `done` says so or the world has
  /// failed.
  void watch(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done);
  /// Says to waits that something has changed. Call it with the lock held.
  void announce_change();
  std::string name_of(const MessageHeader& header) const;
  void fail_with_fault(const std::string& fault);
  void withdraw(Batch& batch);

  static constexpr size_t kRecent = 16;

  EndpointConfig config_;
  Carrier& carrier_;
  FaultInjector faults_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<uint64_t> num_changes_ = 0;  ///< what watch looks at without the lock
  Mailbox mailbox_;
  std::vector<Wait> waits_;
  std::array<Record, kRecent> recent_;
  int64_t num_operations_ = 0;
  std::map<uint64_t, std::string> channels_;
  std::map<std::string, int> channel_counts_;
  int64_t step_ = 0;
  std::exception_ptr failure_;
  bool ended_ = false;
  mutable std::mutex notes_mutex_;  ///< held while notes_ runs
  std::function<std::vector<std::string>()> notes_;
  std::unique_ptr<DelayLine> delay_line_;  // last: its thread uses the rest
};

}  // namespace weft::comm
