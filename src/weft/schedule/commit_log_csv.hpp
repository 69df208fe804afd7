#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "weft/schedule/commit_log.hpp"

namespace weft::schedule {

/// The log as text: one line that describes the pipeline, one that names the columns, and one line
/// per task, by rank and then in order.
///
///   # weft commit log 1: mapping=loop ranks=4 chunks=1 microbatches=8 unit=units
///   rank,seq,kind,chunk,microbatch,stage,arrived,start,end
///   0,0,F,0,0,0,0,0,1
///
/// seq counts the tasks of a rank from 0; kind is F, B, W or D; stage follows from rank, chunk and
/// mapping and is there for readers of the file. Times have the shortest form that reads back to
/// the same bits.
std::string to_csv(const CommitLog& log);

/// Reads what to_csv wrote; line ends may be CRLF. Throws Error{data} that says `name`, the line,
/// what stands there and what is expected, unless the log is whole: every microbatch has on each
/// stage one F and either one D or one B and one W, ranks and seq are in order, and the tasks of a
/// rank do not overlap. Whether tasks keep their dependencies across ranks is not looked at. Takes
/// memory in proportion to the text, whatever its first line promises.
CommitLog parse_commit_log(std::string_view text, std::string_view name);

/// parse_commit_log on a whole file. Throws Error{data} also when the file cannot be read.
CommitLog read_commit_log(const std::filesystem::path& path);

}  // namespace weft::schedule
