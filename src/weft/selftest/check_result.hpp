#pragma once

#include <functional>
#include <string>
#include <vector>

namespace weft::selftest {

/// What one check found.
struct CheckResult {
  std::string group;       ///< "kernels", "products", "attention", "training"
  std::string name;        ///< for example "layer_norm_forward bf16 256x768"
  double error = 0.0;      ///< largest relative error, or what `note` says
  double tolerance = 0.0;  ///< the error may not be above it
  bool passed = false;     ///< NaN never passes
  std::string note;        ///< what went wrong, or a figure beside the check
};

/// Takes results as they come.
using ResultSink = std::function<void(const CheckResult&)>;

}  // namespace weft::selftest
