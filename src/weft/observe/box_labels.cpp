#include "weft/observe/box_labels.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstddef>

namespace weft::observe {

using schedule::CommitEntry;
using schedule::CommitLog;
using schedule::Task;

namespace {

/// The boxes of one kind of task.
struct Boxes {
  std::vector<int64_t> widths;
  int64_t num_tasks = 0;

  /// Columns of at least half of the boxes; 0 when more than a tenth of the tasks has no box.
  int64_t usual_width() {
    if (widths.empty() || std::ssize(widths) * 10 < num_tasks * 9) return 0;
    const auto middle = widths.begin() + std::ssize(widths) / 2;
    std::ranges::nth_element(widths, middle);
    return *middle;
  }
};

int64_t num_digits(int64_t value) { return std::ssize(fmt::to_string(value)); }

}  // namespace

BoxLabels::BoxLabels(const CommitLog& log, const std::vector<std::vector<Cell>>& rows,
                     bool has_colour)
    : has_colour_(has_colour), num_chunks_(log.stages.num_chunks) {
  std::array<Boxes, schedule::kNumTaskKinds> kinds;
  const auto boxes_of = [&kinds](const CommitEntry& entry) -> Boxes& {
    return kinds.at(static_cast<size_t>(entry.task.kind));
  };
  for (const auto& rank : log.ranks) {
    for (const CommitEntry& entry : rank) ++boxes_of(entry).num_tasks;
  }
  for (const auto& row : rows) {
    for (const Cell& cell : row) {
      if (!cell.is_idle()) boxes_of(*cell.entry).widths.push_back(cell.num_columns);
    }
  }
  const int64_t for_number = has_colour ? 1 : 2;
  const int64_t for_both = 2 + num_digits(log.num_microbatches - 1) + num_digits(num_chunks_ - 1);
  // Two chunks are told apart by the case of the letter.
  bool has_both = !has_colour && num_chunks_ > 2;
  for (size_t kind = 0; kind < kinds.size(); ++kind) {
    const int64_t width = kinds.at(kind).usual_width();
    if (width >= for_number) contents_.at(kind) = Content::microbatch;
    has_both = has_both && (kinds.at(kind).num_tasks == 0 || width >= for_both);
  }
  if (has_both) contents_.fill(Content::chunk_and_microbatch);
}

std::string BoxLabels::text(const Task& task, int64_t num_columns) const {
  const bool is_lower = shows_odd_chunks_in_lower_case() && task.chunk % 2 == 1;
  std::string kind(1, letter(task.kind));
  if (is_lower) kind.front() = static_cast<char>(std::tolower(kind.front()));
  const Content content = contents_.at(static_cast<size_t>(task.kind));
  if (content == Content::kind) return kind;
  std::string label = has_colour_ ? "" : kind;
  if (content == Content::chunk_and_microbatch) label += fmt::format("{}.", task.chunk);
  label += fmt::to_string(task.microbatch);
  return std::ssize(label) <= num_columns ? label : kind;
}

bool BoxLabels::shows_microbatches() const {
  return std::ranges::any_of(contents_, [](Content content) { return content != Content::kind; });
}

}  // namespace weft::observe
