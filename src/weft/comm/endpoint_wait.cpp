// The blocking half of Endpoint: deadlines, what a rank waits for, and how a failed wait ends.
#include <algorithm>

#include "weft/base/error.hpp"
#include "weft/comm/delay_line.hpp"
#include "weft/comm/endpoint.hpp"

namespace weft::comm {

void Endpoint::block(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done,
                     const DebtsOf& debts, Clock::time_point until) {
  if (done() || failure_) return;
  const auto since = Clock::now();
  const auto deadline = since + std::chrono::duration_cast<Clock::duration>(config_.timeout);
  waits_.push_back({&debts, since});
  watch(lock, done);
  bool reported = false;
  while (!done() && !failure_) {
    if (until < deadline) {
      if (changed_.wait_until(lock, until) == std::cv_status::timeout) break;
    } else if (reported) {
      changed_.wait(lock);  // the carrier ends the world
    } else if (changed_.wait_until(lock, deadline) == std::cv_status::timeout && !done()) {
      reported = true;
      lock.unlock();
      carrier_.report_hang(*this);
      lock.lock();
    }
  }
  std::erase_if(waits_, [&](const Wait& wait) { return wait.debts == &debts; });
}

void Endpoint::watch(std::unique_lock<std::mutex>& lock, const std::function<bool()>& done) {
  const auto end = Clock::now() + config_.spin;
  while (Clock::now() < end && !done() && !failure_) {
    const uint64_t seen = num_changes_.load(std::memory_order_relaxed);
    lock.unlock();
    while (num_changes_.load(std::memory_order_acquire) == seen && Clock::now() < end) {
    }
    lock.lock();
  }
}

void Endpoint::announce_change() {
  num_changes_.fetch_add(1, std::memory_order_release);
  changed_.notify_all();
}

void Endpoint::wait(Batch& batch, const MessageHeader& what) {
  std::unique_lock lock(mutex_);
  const DebtsOf debts = [&](std::vector<Debt>& out, double seconds) {
    add_debts(batch, what, out, seconds);
  };
  block(
      lock, [&] { return batch.pending == 0 || !batch.fault.empty(); }, debts);
  if (batch.pending == 0 && batch.fault.empty()) {
    batch.clear();
    return;
  }
  const std::string fault = batch.fault;
  lock.unlock();
  if (!fault.empty()) fail_with_fault(fault);
  withdraw(batch);
  lock.lock();
  batch.clear();
  std::rethrow_exception(failure_);
}

bool Endpoint::wait_until(const std::function<bool()>& done, const DebtsOf& debts,
                          Clock::time_point until) {
  std::unique_lock lock(mutex_);
  block(lock, done, debts, until);
  if (done()) return true;
  if (failure_) std::rethrow_exception(failure_);
  return false;
}

void Endpoint::fail_with_fault(const std::string& fault) {
  carrier_.fail(*this, Error(ErrorKind::communication, fault, {}, rank()), false);
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failure_ != nullptr; });
}

void Endpoint::withdraw(Batch& batch) {
  {
    const std::lock_guard lock(mutex_);
    mailbox_.withdraw_receives(batch);
  }
  if (delay_line_) finish_items(batch, delay_line_->withdraw(batch));
  carrier_.withdraw(*this, batch);
  // What is left is being copied this moment.
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return batch.pending == 0; });
}

void Endpoint::settle(Batch& batch, const MessageHeader& what) noexcept {
  try {
    {
      const std::lock_guard lock(mutex_);
      mailbox_.withdraw_receives(batch);
    }
    wait(batch, what);
  } catch (const Error&) {
    // The world has failed; its error is thrown where the rank waits or ends.
  }
}

void Endpoint::cancel(Batch& batch, const MessageHeader& what) noexcept {
  if (locked([&] { return batch.pending == 0; })) return;
  abandon(what);
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failure_ != nullptr; });
  }
  withdraw(batch);
  locked([&] { batch.clear(); });
}

void Endpoint::abandon(const MessageHeader& what) noexcept {
  try {
    carrier_.fail(*this,
                  Error(ErrorKind::communication,
                        fmt::format("rank {} failed while {} was under way", rank(), name_of(what)),
                        {}, rank()),
                  true);
  } catch (const std::exception&) {
    // Memory is exhausted: the exception under way ends the world a moment later.
  }
}

void Endpoint::add_debts(const Batch& batch, const MessageHeader& what, std::vector<Debt>& debts,
                         double seconds) const {
  const auto channel = channels_.find(what.key.channel);
  const std::string text = describe(what, channel == channels_.end() ? "?" : channel->second);
  for (const Batch::Item& item : batch.items) {
    if (item.done) continue;
    debts.push_back({item.peer, item.is_send ? "to take " + text : text, seconds});
  }
}

void Endpoint::check_nothing_is_left() const {
  const RankReport last = report();
  if (last.unmatched.empty()) return;
  throw Error(ErrorKind::communication,
              fmt::format("rank {} has ended without a call that its peers made: {}", rank(),
                          last.unmatched.front()),
              {}, rank());
}

std::string Endpoint::name_of(const MessageHeader& header) const {
  const std::lock_guard lock(mutex_);
  const auto channel = channels_.find(header.key.channel);
  return describe(header, channel == channels_.end() ? "a channel that this rank does not have"
                                                     : channel->second);
}

RankReport Endpoint::report() const {
  RankReport report;
  report.rank = rank();
  {
    const std::lock_guard lock(mutex_);
    const auto now = Clock::now();
    const auto seconds = [](Clock::duration time) {
      return std::chrono::duration<double>(time).count();
    };
    const auto text = [&](const MessageHeader& header) {
      const auto channel = channels_.find(header.key.channel);
      return describe(header, channel == channels_.end() ? "a channel that this rank does not have"
                                                         : channel->second);
    };
    report.ended = ended_;
    for (const Wait& wait : waits_) (*wait.debts)(report.debts, seconds(now - wait.since));
    mailbox_.for_each_unmatched([&](const MessageHeader& header) {
      if (report.unmatched.size() < kRecent) {
        report.unmatched.push_back(fmt::format("{} from rank {}", text(header), header.key.from));
      }
    });
    const auto count = std::min(num_operations_, static_cast<int64_t>(kRecent));
    for (int64_t id = num_operations_ - count; id < num_operations_; ++id) {
      const Record& record = recent_[static_cast<size_t>(id) % kRecent];
      const std::string state =
          record.end == Clock::time_point{}
              ? "under way"
              : fmt::format("took {:.3f} ms", seconds(record.end - record.begin) * 1e3);
      report.recent.push_back(fmt::format("{:.3f} s ago: {}, {}", seconds(now - record.begin),
                                          text(record.header), state));
    }
  }
  const std::lock_guard lock(notes_mutex_);
  if (notes_) report.notes = notes_();
  return report;
}

}  // namespace weft::comm
