#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "weft/kernels/kernel_table.hpp"
#include "weft/selftest/twins.hpp"

namespace weft::selftest {

/// Rows and columns of a kernel's main operand.
struct KernelSizes {
  int64_t rows;
  int64_t columns;
};

/// Runs kernels of one size and element type and reports them.
class KernelCheck {
 public:
  Twins& twins;
  const ResultSink& sink;
  KernelSizes sizes;
  DType dtype;
  DType stream = dtype;  ///< of the residual stream

  /// Runs `body` on both sides and compares what it wrote to `results`; the tolerance of each is
  /// that of its type, and the worst error relative to it counts.
  void compare(const std::string& kernel, const std::vector<Twin*>& results,
               const std::function<void(const Twins::Side&)>& body) {
    const double tolerance = tolerance_of(dtype);
    report_check(sink, "kernels", kernel + label(), tolerance, [&] {
      twins.run(body);
      double worst = 0.0;
      for (const Twin* twin : results) {
        // A statistic or gradient of 16-bit numbers is f32, but as exact as its inputs.
        const double error = twins.error(*twin);
        if (!(error <= worst)) worst = error;
        if (std::isnan(worst)) break;
      }
      return worst;
    });
  }

  /// Reports the error that `body` returns.
  void value(const std::string& kernel, double tolerance, const std::function<double()>& body) {
    report_check(sink, "kernels", kernel + label(), tolerance, body);
  }

 private:
  std::string label() const {
    const std::string types =
        stream == dtype ? std::string(name(dtype)) : fmt::format("{}, stream f32", name(dtype));
    return fmt::format(" {} {}x{}", types, sizes.rows, sizes.columns);
  }
};

}  // namespace weft::selftest
