#include "weft/train/learning_rate_rules.hpp"

#include <fmt/format.h>

#include <cmath>

namespace weft::train {

std::vector<OptionProblem> check_decoupled_rates(const OptionValues& values) {
  std::vector<OptionProblem> problems;
  for (const auto& [name, flag] : {std::pair{"decoupled_lr", "--decoupled-lr"},
                                   std::pair{"decoupled_min_lr", "--decoupled-min-lr"}}) {
    const auto rate = values.maybe_real(name);
    if (!rate || (std::isfinite(*rate) && *rate >= 0.0)) continue;
    problems.push_back(
        {fmt::format("{} is out of range (got {}, expected at least 0)", flag, print_python(*rate)),
         flag});
  }
  const auto peak = values.maybe_real("decoupled_lr");
  const auto own_floor = values.maybe_real("decoupled_min_lr");
  if (!peak) {
    if (own_floor) {
      problems.push_back({fmt::format("--decoupled-min-lr does nothing without --decoupled-lr (got "
                                      "{}, expected both flags)",
                                      print_python(*own_floor)),
                          "--decoupled-lr"});
    }
    return problems;
  }
  const double floor = own_floor.value_or(values.real("min_lr"));
  if (floor > *peak) {
    problems.push_back({fmt::format("{} is above --decoupled-lr (got {}, expected at most {})",
                                    own_floor ? "--decoupled-min-lr"
                                              : "--min-lr, which --decoupled-min-lr follows,",
                                    print_python(floor), print_python(*peak)),
                        "--decoupled-min-lr"});
  }
  return problems;
}

}  // namespace weft::train
