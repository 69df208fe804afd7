#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "weft/schedule/task.hpp"

namespace weft::schedule {

/// Where a cell stands; lines count from 1.
struct CsvPlace {
  std::string_view file;
  int64_t line = 1;
};

/// A task of a stage as a cell of torch.distributed.pipelining's schedule files: stage, kind and
/// microbatch (reference/schedules.md 1.15). Kinds are F, I (our B), W and B (our D): "3I0".
std::string csv_cell(int64_t stage, TaskKind kind, int64_t microbatch);

/// The task that a cell without surrounding blanks stands for; its chunk is the global stage, since
/// only the whole file says which chunk that is. Throws Error{data} naming the place and the cell.
Task parse_csv_cell(std::string_view cell, const CsvPlace& place);

/// Text from a file for a message: in quotes, at most 32 bytes of it, bytes that are no printable
/// ASCII as \x00.
std::string quoted(std::string_view text);

}  // namespace weft::schedule
