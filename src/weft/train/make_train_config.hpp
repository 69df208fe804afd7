#pragma once

#include <vector>

#include "weft/base/error.hpp"

#include "weft/train/option_parser.hpp"
#include "weft/train/option_values.hpp"
#include "weft/train/train_config.hpp"

namespace weft::train {

/// A run that may start: its configuration, and the options that it is made of.
struct PreparedRun {
  TrainConfig config;
  ResolvedOptions options;
};

/// Options with everything derived and printed, whatever their statuses are.
ResolvedOptions resolve_options(const ParsedOptions& parsed);

/// The configuration that `values` (resolved, without problems) describe.
TrainConfig make_train_config(const OptionValues& values);

/// One Error{usage} for all problems. Needs at least one.
Error problems_error(const std::vector<OptionProblem>& problems);

/// Reads, checks and resolves the options of a run. Throws one Error{usage} that lists every
/// problem: unknown options, malformed values, options that weft does not take, broken rules.
PreparedRun prepare_run(const OptionSources& sources);

}  // namespace weft::train
