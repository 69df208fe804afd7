#include "apps/weft/link_measurements.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <functional>
#include <thread>

#include "weft/comm/communicator.hpp"
#include "weft/comm/link_receiver.hpp"
#include "weft/comm/link_sender.hpp"

namespace weft::app {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::array<int64_t, 5> kHandOffBytes = {1024, 65536, 1 << 20, 16 << 20, 64 << 20};
constexpr std::array<int64_t, 3> kCollectiveBytes = {1024, 1 << 20, 16 << 20};
constexpr std::array kWaits = {std::chrono::milliseconds(1), std::chrono::milliseconds(10),
                               std::chrono::milliseconds(100)};
constexpr int kSlots = 4;
constexpr std::chrono::seconds kIdle{2};

double microseconds(Clock::duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2));
  return values[values.size() / 2];
}

/// Median microseconds of `repetitions` calls, after one that warms up.
double median_time(int repetitions, const std::function<void()>& call) {
  call();
  std::vector<double> times;
  for (int i = 0; i < repetitions; ++i) {
    const auto start = Clock::now();
    call();
    times.push_back(microseconds(Clock::now() - start));
  }
  return median(std::move(times));
}

/// Copies from one buffer into as many in turn as a link's messages land in, so that caches help
/// both alike.
class Copies {
 public:
  explicit Copies(int64_t bytes) : from_(static_cast<size_t>(bytes)) {
    for (int i = 0; i < kSlots + 1; ++i) targets_.emplace_back(from_.size_bytes());
  }

  void copy() {
    const Buffer& to = targets_[next_++ % targets_.size()];
    std::memcpy(to.data(), from_.data(), from_.size_bytes());
    // The copy has to happen although nobody reads it.
    asm volatile("" : : "r"(to.data()) : "memory");
  }

 private:
  Buffer from_;
  std::vector<Buffer> targets_;
  size_t next_ = 0;
};

double process_cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// The two ends of the links between ranks 0 and 1, one in each direction.
class Pair {
 public:
  Pair(comm::RankContext& context, int64_t bytes)
      : context_(context),
        bytes_(bytes),
        sender_(*context.endpoint, name(context.rank, bytes), 1 - context.rank, bytes),
        receiver_(*context.endpoint, name(1 - context.rank, bytes), 1 - context.rank, bytes,
                  kSlots),
        saved_(static_cast<size_t>(bytes)) {}

  void begin(int64_t num_messages) {
    context_.endpoint->set_step(++step_);
    receiver_.begin_step(num_messages);
    context_.endpoint->set_step(step_);
  }

  void send(int64_t i) {
    sender_.wait_free();
    sender_.send(i, DType::u8, {bytes_});
  }

  void take(int64_t i) {
    receiver_.wait(i);
    receiver_.take(i, saved_);
  }

  bool is_first() const { return context_.rank == 0; }

 private:
  static comm::LinkChannel name(int rank, int64_t bytes) {
    return {.stage = rank, .chunk = static_cast<int>(bytes / 1024)};
  }

  comm::RankContext& context_;
  int64_t bytes_;
  comm::LinkSender sender_;
  comm::LinkReceiver receiver_;
  Buffer saved_;
  int64_t step_ = 0;
};

/// A batch of messages in one direction, as many copies on rank 0, and so on in turn: what else
/// runs on the machine slows both alike.
void measure_stream(Pair& pair, comm::Communicator& two, int repetitions, HandOff& result) {
  constexpr int64_t kBatch = int64_t{2} * kSlots;
  std::vector<double> stream_us;
  std::vector<double> memcpy_us;
  std::vector<double> ratios;
  Copies copies(pair.is_first() ? result.bytes : 0);
  pair.begin(kBatch * (repetitions + 1));
  two.barrier();
  int64_t next = 0;
  for (int i = 0; i <= repetitions; ++i) {
    const auto start = Clock::now();
    for (int64_t k = 0; k < kBatch; ++k, ++next) {
      if (pair.is_first()) {
        pair.send(next);
      } else {
        pair.take(next);
      }
    }
    // The reply that ends a batch is a message of the group, so that links flow one way.
    two.barrier();
    const auto middle = Clock::now();
    if (!pair.is_first()) continue;
    for (int64_t k = 0; k < kBatch; ++k) copies.copy();
    const double copy_us = microseconds(Clock::now() - middle);
    if (i == 0) continue;  // warms up
    stream_us.push_back(microseconds(middle - start));
    memcpy_us.push_back(copy_us);
    ratios.push_back(copy_us / stream_us.back());
  }
  if (!pair.is_first()) return;
  const double kilobytes = static_cast<double>(kBatch * result.bytes) * 1e-3;
  result.stream_gb_s = kilobytes / median(stream_us);
  result.memcpy_gb_s = kilobytes / median(memcpy_us);
  result.of_memcpy = median(ratios);
}

HandOff measure_hand_off(comm::RankContext& context, comm::Communicator& two, int64_t bytes,
                         int rounds) {
  const int repetitions = static_cast<int>(std::clamp<int64_t>((1 << 30) / bytes, 8, 200)) * rounds;
  HandOff result{.bytes = bytes};
  Pair pair(context, bytes);
  pair.begin(repetitions + 1);
  two.barrier();
  int64_t i = 0;
  result.latency_us = median_time(repetitions,
                                  [&] {
                                    if (pair.is_first()) pair.send(i);
                                    pair.take(i);
                                    if (!pair.is_first()) pair.send(i);
                                    ++i;
                                  }) /
                      2.0;
  measure_stream(pair, two, repetitions, result);
  return result;
}

std::vector<CollectiveTime> measure_collectives(comm::RankContext& context, int rounds) {
  comm::Communicator& world = context.world();
  std::vector<CollectiveTime> results;
  const auto measure = [&](const char* name, int64_t bytes, const std::function<void()>& call) {
    world.barrier();
    const int repetitions = bytes < (1 << 20) ? 100 : 12;
    results.push_back({name, bytes, median_time(repetitions * rounds, call)});
  };
  measure("barrier", 0, [&] { world.barrier(); });
  for (const int64_t bytes : kCollectiveBytes) {
    const int64_t piece = bytes / 4 / world.size();
    Tensor whole({piece * world.size()}, DType::f32);
    Tensor other({piece * world.size()}, DType::f32);
    Tensor part({piece}, DType::f32);
    measure("all_reduce", bytes, [&] { world.all_reduce(whole); });
    measure("reduce_scatter", bytes, [&] { world.reduce_scatter(whole, part); });
    measure("all_gather", bytes, [&] { world.all_gather(part, whole); });
    measure("broadcast", bytes, [&] { world.broadcast(whole, 0); });
    measure("all_to_all", bytes, [&] { world.all_to_all(whole, other); });
  }
  return results;
}

/// Rank 1 waits; rank 0 sends the time, later by how long the other has waited. All ranks of one
/// machine read the same clock.
WakeUp measure_wake_up(comm::RankContext& context, comm::Communicator& two,
                       std::chrono::milliseconds wait, int rounds) {
  std::vector<double> late_us;
  Tensor stamp({1}, DType::i64);
  Tensor late({1}, DType::f32);
  const int repetitions = wait > std::chrono::milliseconds(50) ? 5 : 20;
  for (int i = 0; i < repetitions * rounds; ++i) {
    two.barrier();
    if (context.rank == 0) {
      std::this_thread::sleep_for(wait);
      stamp.span<int64_t>()[0] = Clock::now().time_since_epoch().count();
    }
    two.broadcast(stamp, 0);
    const Clock::time_point sent(Clock::duration(stamp.span<int64_t>()[0]));
    late.span<float>()[0] = static_cast<float>(microseconds(Clock::now() - sent));
    two.broadcast(late, 1);
    late_us.push_back(late.span<float>()[0]);
  }
  return {.waited_ms = static_cast<double>(wait.count()), .median_us = median(late_us)};
}

double measure_waiting_cpu(comm::RankContext& context, comm::Communicator& two) {
  Tensor percent({1}, DType::f32);
  two.barrier();
  const auto start = Clock::now();
  const double cpu = process_cpu_seconds();
  if (context.rank == 0) std::this_thread::sleep_for(kIdle);
  two.barrier();
  const double seconds = std::chrono::duration<double>(Clock::now() - start).count();
  percent.span<float>()[0] = static_cast<float>((process_cpu_seconds() - cpu) / seconds * 100.0);
  two.broadcast(percent, 1);
  return static_cast<double>(percent.span<float>()[0]);
}

}  // namespace

LinkMeasurements measure_links(comm::RankContext& context, int rounds) {
  LinkMeasurements result;
  if (context.rank < 2) {
    comm::Communicator two(*context.endpoint, {.name = "pair", .ranks = {0, 1}});
    for (const int64_t bytes : kHandOffBytes) {
      result.hand_offs.push_back(measure_hand_off(context, two, bytes, rounds));
    }
    context.endpoint->set_step(0);
    for (const auto wait : kWaits) {
      result.wake_ups.push_back(measure_wake_up(context, two, wait, rounds));
    }
    result.waiting_cpu_percent = measure_waiting_cpu(context, two);
  }
  result.collectives = measure_collectives(context, rounds);
  return result;
}

}  // namespace weft::app
