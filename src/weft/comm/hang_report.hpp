#pragma once

#include <optional>
#include <string>
#include <vector>

namespace weft::comm {

/// Something that a rank waits for.
struct Debt {
  int owner = 0;         ///< the rank that owes it
  std::string what;      ///< "all_reduce #3 of group world (sum, f32 [17])"
  double seconds = 0.0;  ///< how long it has been waited for

  friend bool operator==(const Debt&, const Debt&) = default;
};

/// What one rank knows about itself when the world has stopped.
struct RankReport {
  int rank = 0;
  bool ended = false;            ///< its function has returned
  std::vector<Debt> debts = {};  ///< what it waits for; empty while it computes
  std::vector<std::string> unmatched =
      {};                                ///< messages that reached it and that it did not ask for
  std::vector<std::string> notes = {};   ///< lines of the layers above: task, ready set
  std::vector<std::string> recent = {};  ///< its last communications, oldest first

  friend bool operator==(const RankReport&, const RankReport&) = default;
};

/// JSON text of a report, for the way between processes.
std::string to_json(const RankReport& report);
/// The report that `to_json` wrote; throws Error{communication} for other text.
RankReport rank_report_from_json(const std::string& text);

/// The message of the error that ends a world without progress. First line: who owes what to whom.
/// Then who waits for what, and the last communications of every rank. `reports` has one entry per
/// rank, empty for ranks that did not answer.
std::string hang_report(const std::vector<std::optional<RankReport>>& reports);

}  // namespace weft::comm
