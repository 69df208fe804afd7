#include "weft/base/error.hpp"

namespace weft {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::internal:
      return 1;
    case ErrorKind::usage:
      return 2;
    case ErrorKind::data:
      return 3;
    case ErrorKind::checkpoint:
      return 4;
    case ErrorKind::device:
      return 5;
    case ErrorKind::communication:
      return 6;
    case ErrorKind::numeric:
      return 7;
  }
  return 1;
}

std::string_view name(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::internal:
      return "internal";
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::data:
      return "data";
    case ErrorKind::checkpoint:
      return "checkpoint";
    case ErrorKind::device:
      return "device";
    case ErrorKind::communication:
      return "communication";
    case ErrorKind::numeric:
      return "numeric";
  }
  return "internal";
}

Error::Error(ErrorKind kind, const std::string& message, std::string hint, int rank,
             std::source_location where)
    : std::runtime_error(message),
      kind_(kind),
      hint_(std::move(hint)),
      rank_(rank),
      where_(fmt::format("{}:{}", where.file_name(), where.line())) {}

}  // namespace weft
