#pragma once

#include <cstdint>

namespace weft::schedule {

/// What a random factor belongs to. The numbers are part of the model.
enum class JitterKind : uint64_t {
  forward = 1,
  backward_input = 2,
  backward_weight = 3,
  forward_message = 4,
  backward_message = 5,
  length = 9,
};

/// Lognormal factor with mean 1, keyed so that it does not depend on the order of execution
/// (reference/schedules.md A.1). `unit` is an atom for compute, the receiving stage for a message
/// and 0 for a length. 1 when `sigma` is 0.
double jitter(double sigma, uint64_t seed, JitterKind kind, int64_t unit, int64_t microbatch);

}  // namespace weft::schedule
