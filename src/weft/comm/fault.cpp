#include "weft/comm/fault.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <csignal>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::comm {

namespace {

constexpr const char* kExample = "--inject \"delay:rank=1,op=link,ms=5;drop:rank=0,message=3\"";

constexpr std::array kKinds = {
    std::pair{"delay", Fault::Kind::delay},         std::pair{"jitter", Fault::Kind::jitter},
    std::pair{"slow-link", Fault::Kind::slow_link}, std::pair{"drop", Fault::Kind::drop},
    std::pair{"throw", Fault::Kind::exception},     std::pair{"stop", Fault::Kind::stop}};

template <typename... Args>
[[noreturn]] void refuse(LocatedFormat<std::type_identity_t<Args>...> message, Args&&... args) {
  fail_with_hint(ErrorKind::usage, kExample, message, std::forward<Args>(args)...);
}

/// "a,b" at the first `separator`: {"a", "b"}; without one the rest is empty.
std::pair<std::string_view, std::string_view> cut(std::string_view text, char separator) {
  const size_t at = text.find(separator);
  if (at == std::string_view::npos) return {text, {}};
  return {text.substr(0, at), text.substr(at + 1)};
}

template <typename T>
T number(std::string_view key, std::string_view text, T least) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !(value >= least)) {
    refuse("--inject: {} is {}; expected a number of at least {}", key, text, least);
  }
  return value;
}

bool is_numbered(Fault::Kind kind) {
  return kind == Fault::Kind::exception || kind == Fault::Kind::stop;
}

/// The operation of that name, if there is one.
std::optional<Operation> operation_named(std::string_view text) {
  for (int value = 0; value <= static_cast<int>(Operation::leader_log); ++value) {
    const auto operation = static_cast<Operation>(value);
    if (name(operation) == text) return operation;
  }
  return std::nullopt;
}

void set(Fault& fault, std::string_view key, std::string_view value) {
  using Kind = Fault::Kind;
  const bool delays = fault.kind == Kind::delay || fault.kind == Kind::jitter;
  if (key == (fault.kind == Kind::slow_link ? "from" : "rank")) {
    fault.rank = number(key, value, 0);
  } else if (key == "to" && (delays || fault.kind == Kind::slow_link)) {
    fault.to = number(key, value, 0);
  } else if (key == "ms" && delays) {
    fault.milliseconds = number(key, value, 0.0);
  } else if (key == "seed" && fault.kind == Kind::jitter) {
    fault.seed = number(key, value, uint64_t{0});
  } else if (key == "mbps" && fault.kind == Kind::slow_link) {
    fault.megabits_per_s = number(key, value, 1e-6);
  } else if ((key == "message" && fault.kind == Kind::drop) ||
             (key == "op" && is_numbered(fault.kind))) {
    fault.number = number(key, value, int64_t{1});
  } else if (key == "op" && delays) {
    fault.operation = operation_named(value);
    fault.collectives = value == "collective";
    if (!fault.operation && !fault.collectives) {
      refuse("--inject: op is {}; expected link, collective or an operation's name", value);
    }
  } else {
    refuse("--inject: {} is no key of this fault", key);
  }
}

Fault parse_fault(std::string_view spec) {
  const auto parts = cut(spec, ':');
  const std::string_view kind = parts.first;
  std::string_view rest = parts.second;
  const auto* found =
      std::ranges::find_if(kKinds, [&](const auto& entry) { return kind == entry.first; });
  if (found == kKinds.end()) {
    refuse(
        "--inject: unknown fault (got {}, expected delay, jitter, slow-link, drop, throw or "
        "stop)",
        kind);
  }
  Fault fault;
  fault.kind = found->second;
  while (!rest.empty()) {
    const auto [setting, next] = cut(rest, ',');
    const auto [key, value] = cut(setting, '=');
    set(fault, key, value);
    rest = next;
  }
  const bool needs_number = is_numbered(fault.kind) || fault.kind == Fault::Kind::drop;
  if (needs_number && (fault.number == 0 || fault.rank < 0)) {
    refuse("--inject: {} needs rank=R and {}=N", kind,
           fault.kind == Fault::Kind::drop ? "message" : "op");
  }
  if (fault.kind == Fault::Kind::slow_link && fault.megabits_per_s == 0.0) {
    refuse("--inject: slow-link needs mbps=X");
  }
  return fault;
}

/// Uniform in (0, 1], a function of seed and count alone.
double uniform(uint64_t seed, uint64_t count) {
  uint64_t value = seed * 0x9e3779b97f4a7c15U + count + 1;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return (static_cast<double>((value ^ (value >> 31)) >> 11) + 1.0) * 0x1p-53;
}

bool concerns(const Fault& fault, Operation operation) {
  const bool is_collective = operation != Operation::link && operation != Operation::leader_log;
  if (fault.collectives) return is_collective;
  return !fault.operation || *fault.operation == operation;
}

}  // namespace

std::vector<Fault> parse_faults(std::string_view spec) {
  std::vector<Fault> faults;
  while (!spec.empty()) {
    const auto [fault, rest] = cut(spec, ';');
    faults.push_back(parse_fault(fault));
    spec = rest;
  }
  return faults;
}

FaultInjector::FaultInjector(const std::vector<Fault>& faults, int rank) : rank_(rank) {
  for (const Fault& fault : faults) {
    if (fault.rank < 0 || fault.rank == rank) faults_.push_back({.fault = fault});
  }
}

void FaultInjector::start_operation() {
  const std::lock_guard lock(mutex_);
  ++operations_;
  for (const State& state : faults_) {
    if (!is_numbered(state.fault.kind) || state.fault.number != operations_) continue;
    if (state.fault.kind == Fault::Kind::stop) {
      std::raise(SIGSTOP);
    } else {
      fail(ErrorKind::communication, "injected fault: rank {} throws at its operation {}", rank_,
           operations_);
    }
  }
}

FaultInjector::Fate FaultInjector::send(const MessageHeader& header, int to) {
  const std::lock_guard lock(mutex_);
  ++messages_;
  Fate fate;
  double late_ms = 0.0;
  const Clock::time_point now = Clock::now();
  Clock::time_point due = now;
  for (State& state : faults_) {
    const Fault& fault = state.fault;
    if ((fault.to >= 0 && fault.to != to) || !concerns(fault, header.operation)) continue;
    if (fault.kind == Fault::Kind::drop && fault.number == messages_) fate.dropped = true;
    if (fault.kind == Fault::Kind::delay) late_ms += fault.milliseconds;
    if (fault.kind == Fault::Kind::jitter) {
      const uint64_t seed = fault.seed * 1000003 + static_cast<uint64_t>(rank_);
      late_ms -= fault.milliseconds * std::log(uniform(seed, state.draws++));
    }
    if (fault.kind == Fault::Kind::slow_link) {
      const double seconds = static_cast<double>(header.bytes) * 8e-6 / fault.megabits_per_s;
      state.link_free =
          std::max(state.link_free, now) +
          std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
      due = std::max(due, state.link_free);
    }
  }
  due += std::chrono::duration_cast<Clock::duration>(
      std::chrono::duration<double, std::milli>(late_ms));
  if (due > now) fate.due = due;
  return fate;
}

}  // namespace weft::comm
