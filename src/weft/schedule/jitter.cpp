#include "weft/schedule/jitter.hpp"

#include <cmath>
#include <numbers>

namespace weft::schedule {

namespace {

// One step of splitmix64.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ULL;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}

// Uniform in (0, 1).
double uniform(uint64_t bits) { return (static_cast<double>(bits >> 11) + 0.5) * 0x1p-53; }

}  // namespace

double jitter(double sigma, uint64_t seed, JitterKind kind, int64_t unit, int64_t microbatch) {
  if (sigma == 0) return 1;
  uint64_t hash = mix(seed);
  hash = mix(hash ^ static_cast<uint64_t>(kind));
  hash = mix(hash ^ static_cast<uint64_t>(unit));
  hash = mix(hash ^ static_cast<uint64_t>(microbatch));
  const double u1 = uniform(mix(hash ^ 0x1111111111111111ULL));
  const double u2 = uniform(mix(hash ^ 0x2222222222222222ULL));
  const double normal = std::sqrt(-2 * std::log(u1)) * std::cos(2 * std::numbers::pi * u2);
  return std::exp(sigma * normal - sigma * sigma / 2);
}

}  // namespace weft::schedule
