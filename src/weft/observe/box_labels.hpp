#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "weft/observe/time_columns.hpp"

namespace weft::observe {

/// What a text chart writes into the boxes of tasks. With colours, which show kind and chunk, that
/// is the microbatch ("3"); without them the letter of the kind comes first ("F3"), in lower case
/// for odd chunks, and where there is room and need the chunk too ("F2.3"). Kinds whose boxes are
/// too narrow for it show their letter alone.
class BoxLabels {
 public:
  /// Chooses by the boxes of a whole chart, rows[rank], so that those of a kind look alike.
  BoxLabels(const schedule::CommitLog& log, const std::vector<std::vector<Cell>>& rows,
            bool has_colour);

  /// The label of a task, or its letter where `num_columns` do not suffice.
  std::string text(const schedule::Task& task, int64_t num_columns) const;

  bool shows_microbatches() const;
  bool shows_chunks() const { return contents_.front() == Content::chunk_and_microbatch; }
  bool shows_odd_chunks_in_lower_case() const { return !has_colour_ && num_chunks_ > 1; }

 private:
  enum class Content { kind, microbatch, chunk_and_microbatch };

  bool has_colour_;
  int64_t num_chunks_;
  std::array<Content, schedule::kNumTaskKinds> contents_{};  ///< [kind]
};

}  // namespace weft::observe
