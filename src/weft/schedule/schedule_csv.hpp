#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "weft/schedule/pipeline_schedule.hpp"

namespace weft::schedule {

/// `schedule` as a compute-only schedule file of torch.distributed.pipelining (format:
/// reference/schedules.md 1.15): a line per rank, a cell per task (csv_cell). Column t is step t of
/// a run in which every task takes one step, and a rank that waits has an empty cell there, because
/// torch's PipelineScheduleMulti pairs its transfers by column. Throws as validate does.
std::string to_csv(const PipelineSchedule& schedule);

/// The schedule in `text`, in the format of to_csv; empty cells may stand anywhere. Ranks, chunks,
/// microbatches and mapping (loop, if the stages of the lines fit both) follow from the cells.
/// `name` stands for the file in messages. Throws Error{data} when the text cannot be read and
/// Error{usage} when it is no schedule that ends; both name file and line. Takes memory in
/// proportion to the text.
PipelineSchedule parse_schedule_csv(std::string_view text, std::string_view name);

/// parse_schedule_csv of a file.
PipelineSchedule read_schedule_csv(const std::filesystem::path& path);

}  // namespace weft::schedule
