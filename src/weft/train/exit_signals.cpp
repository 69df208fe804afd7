#include "weft/train/exit_signals.hpp"

#include <fmt/format.h>

namespace weft::train {

namespace {

// A signal handler gets no argument of ours, so what it leaves behind has to be global.
volatile std::sig_atomic_t g_received = 0;

extern "C" void remember_signal(int signal) { g_received = signal; }

void install(int signal, int flags, struct sigaction& before) {
  struct sigaction action {};
  action.sa_handler = remember_signal;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(signal, &action, &before);
}

}  // namespace

ExitSignals::ExitSignals() {
  g_received = 0;
  // SA_RESTART: reads and writes that a signal interrupts go on as if nothing had happened.
  install(SIGTERM, SA_RESTART, terminate_before_);
  install(SIGINT, static_cast<int>(SA_RESTART | SA_RESETHAND), interrupt_before_);
}

ExitSignals::~ExitSignals() {
  sigaction(SIGTERM, &terminate_before_, nullptr);
  sigaction(SIGINT, &interrupt_before_, nullptr);
}

std::optional<int> ExitSignals::received() {
  const int signal = g_received;
  return signal == 0 ? std::nullopt : std::optional(signal);
}

std::string signal_name(int signal) {
  if (signal == SIGTERM) return "SIGTERM";
  return signal == SIGINT ? "SIGINT" : fmt::format("signal {}", signal);
}

}  // namespace weft::train
