#pragma once

#include <csignal>
#include <optional>
#include <string>

namespace weft::train {

/// Exit code of a run that a signal ended after its state was saved: start it again (EX_TEMPFAIL,
/// which batch systems take as a wish to be put back into the queue).
inline constexpr int kExitRequeue = 75;

/// Turns SIGTERM and SIGINT into a question that the training loop asks between iterations
/// (--exit-signal-handler). While an object lives the signals do not end the process, except a
/// second SIGINT: a user who presses Ctrl-C twice does not want to wait. One object at a time.
class ExitSignals {
 public:
  ExitSignals();
  ~ExitSignals();
  ExitSignals(const ExitSignals&) = delete;
  ExitSignals& operator=(const ExitSignals&) = delete;

  /// The last signal that arrived since the object was made.
  static std::optional<int> received();

 private:
  struct sigaction terminate_before_ {};
  struct sigaction interrupt_before_ {};
};

/// "SIGTERM", "SIGINT".
std::string signal_name(int signal);

}  // namespace weft::train
