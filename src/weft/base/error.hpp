#pragma once

#include <fmt/format.h>

#include <source_location>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace weft {

/// What went wrong, in the terms of the exit codes that docs/troubleshooting.md lists.
enum class ErrorKind {
  internal,       ///< a bug; exit 1
  usage,          ///< flags or configuration; exit 2
  data,           ///< input files; exit 3
  checkpoint,     ///< saved models; exit 4
  device,         ///< device or memory; exit 5
  communication,  ///< other ranks; exit 6
  numeric,        ///< non-finite values; exit 7
};

/// Process exit code of an error kind.
int exit_code(ErrorKind kind);

/// Name of an error kind as `--json` output spells it.
std::string_view name(ErrorKind kind);

/// A fault of the user's or of the world's; bugs are asserts. `what()` states what was found and
/// what was expected; `hint` names the flag or command that helps and may be empty.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message, std::string hint = {}, int rank = -1,
        std::source_location where = std::source_location::current());

  ErrorKind kind() const { return kind_; }
  const std::string& hint() const { return hint_; }
  /// Rank that met the error, or -1 when it is not known.
  int rank() const { return rank_; }
  /// Names the rank that met the error, once it is known.
  void set_rank(int rank) { rank_ = rank; }
  /// "file:line" of the check that failed.
  const std::string& where() const { return where_; }

 private:
  ErrorKind kind_;
  std::string hint_;
  int rank_;
  std::string where_;
};

/// A compile-time checked format string that remembers where it was written.
template <typename... Args>
struct LocatedFormat {
  template <typename Text>
  consteval LocatedFormat(  // NOLINT(google-explicit-constructor)
      const Text& text, std::source_location location = std::source_location::current())
      : format(text), where(location) {}

  fmt::format_string<Args...> format;
  std::source_location where;
};

/// Throws an Error of `kind` with the formatted message.
template <typename... Args>
[[noreturn]] void fail(ErrorKind kind, LocatedFormat<std::type_identity_t<Args>...> message,
                       Args&&... args) {
  throw Error(kind, fmt::format(message.format, std::forward<Args>(args)...), {}, -1,
              message.where);
}

/// As fail, with a hint: the flag to change or the command to run.
template <typename... Args>
[[noreturn]] void fail_with_hint(ErrorKind kind, std::string hint,
                                 LocatedFormat<std::type_identity_t<Args>...> message,
                                 Args&&... args) {
  throw Error(kind, fmt::format(message.format, std::forward<Args>(args)...), std::move(hint), -1,
              message.where);
}

/// Throws an Error of `kind` unless `condition` holds.
template <typename... Args>
void check(bool condition, ErrorKind kind, LocatedFormat<std::type_identity_t<Args>...> message,
           Args&&... args) {
  if (!condition) [[unlikely]] {
    throw Error(kind, fmt::format(message.format, std::forward<Args>(args)...), {}, -1,
                message.where);
  }
}

}  // namespace weft
