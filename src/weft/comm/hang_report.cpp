#include "weft/comm/hang_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "weft/base/error.hpp"

namespace weft::comm {

namespace {

using Reports = std::vector<std::optional<RankReport>>;

std::string state_of(const std::optional<RankReport>& report) {
  if (!report) return "does not answer: it is stopped, dead or unreachable";
  if (report->ended) return "has ended";
  if (report->debts.empty()) return "is computing";
  return "waits";
}

/// How well a debt explains why nothing moves.
enum class Blame : uint8_t {
  waits_itself,  ///< the debtor waits too: another debt explains more
  passed,        ///< the debtor has been through the operation: the message is lost
  idle,          ///< the debtor waits for nobody
};

Blame blame_of(const Reports& reports, const Debt& debt) {
  if (debt.owner < 0 || debt.owner >= static_cast<int>(reports.size())) return Blame::waits_itself;
  const auto& owner = reports[static_cast<size_t>(debt.owner)];
  if (!owner || owner->ended || owner->debts.empty()) return Blame::idle;
  const bool is_in_it =
      std::ranges::find(owner->debts, debt.what, &Debt::what) != owner->debts.end();
  const bool began = std::ranges::any_of(owner->recent, [&](const std::string& line) {
    return line.find(debt.what) != std::string::npos;
  });
  return began && !is_in_it ? Blame::passed : Blame::waits_itself;
}

std::string headline(const Reports& reports) {
  double seconds = 0.0;
  const Debt* cause = nullptr;
  int creditor = 0;
  Blame blame = Blame::waits_itself;
  for (const auto& report : reports) {
    if (!report) continue;
    for (const Debt& debt : report->debts) {
      seconds = std::max(seconds, debt.seconds);
      const Blame found = blame_of(reports, debt);
      if (cause != nullptr && found <= blame) continue;
      cause = &debt;
      creditor = report->rank;
      blame = found;
    }
  }
  if (cause == nullptr) return "no progress, and no rank that answers waits for another";
  const std::string debt = fmt::format("no progress for {:.1f} s: rank {} owes rank {} {}", seconds,
                                       cause->owner, creditor, cause->what);
  switch (blame) {
    case Blame::waits_itself:
      return debt + ", and waits itself";
    case Blame::passed:
      return debt + ", which it has begun and does not wait for: a message is lost";
    case Blame::idle:
      break;
  }
  return fmt::format("{}, and {}", debt, state_of(reports[static_cast<size_t>(cause->owner)]));
}

void append_lines(std::string& text, const char* prefix, const std::vector<std::string>& lines) {
  for (const std::string& line : lines) text += fmt::format("\n    {}{}", prefix, line);
}

}  // namespace

std::string to_json(const RankReport& report) {
  nlohmann::ordered_json debts = nlohmann::ordered_json::array();
  for (const Debt& debt : report.debts) {
    debts.push_back({{"owner", debt.owner}, {"what", debt.what}, {"seconds", debt.seconds}});
  }
  const nlohmann::ordered_json object = {{"rank", report.rank},   {"ended", report.ended},
                                         {"debts", debts},        {"unmatched", report.unmatched},
                                         {"notes", report.notes}, {"recent", report.recent}};
  return object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

RankReport rank_report_from_json(const std::string& text) {
  RankReport report;
  try {
    const auto object = nlohmann::json::parse(text);
    report.rank = object.at("rank").get<int>();
    report.ended = object.at("ended").get<bool>();
    for (const auto& debt : object.at("debts")) {
      report.debts.push_back({debt.at("owner").get<int>(), debt.at("what").get<std::string>(),
                              debt.at("seconds").get<double>()});
    }
    report.unmatched = object.at("unmatched").get<std::vector<std::string>>();
    report.notes = object.at("notes").get<std::vector<std::string>>();
    report.recent = object.at("recent").get<std::vector<std::string>>();
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::communication, "a rank's report is not readable ({})", error.what());
  }
  return report;
}

std::string hang_report(const std::vector<std::optional<RankReport>>& reports) {
  std::string text = headline(reports);
  for (size_t rank = 0; rank < reports.size(); ++rank) {
    const auto& report = reports[rank];
    text += fmt::format("\n  rank {} {}", rank, state_of(report));
    if (!report) continue;
    for (const Debt& debt : report->debts) {
      text += fmt::format("\n    {:.1f} s for rank {}: {}", debt.seconds, debt.owner, debt.what);
    }
    append_lines(text, "has a message that it did not ask for: ", report->unmatched);
    append_lines(text, "", report->notes);
  }
  for (const auto& report : reports) {
    if (!report || report->recent.empty()) continue;
    text += fmt::format("\n  last communications of rank {}, oldest first", report->rank);
    append_lines(text, "", report->recent);
  }
  return text;
}

}  // namespace weft::comm
