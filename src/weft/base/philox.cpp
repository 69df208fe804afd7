#include "weft/base/philox.hpp"

namespace weft::philox {

namespace {

// SplitMix64's finaliser (Steele et al., OOPSLA 2014): a bijection that spreads every input bit.
uint64_t mix(uint64_t x) {
  x += 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

Key to_key(uint64_t bits) {
  return {static_cast<uint32_t>(bits), static_cast<uint32_t>(bits >> 32)};
}

}  // namespace

Key named_key(uint64_t seed, std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325ull;  // FNV-1a, 64 bits
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ull;
  return to_key(mix(mix(seed) ^ hash));
}

Key indexed_key(uint64_t seed, uint64_t a, uint64_t b) {
  return to_key(mix(mix(mix(seed) ^ a) + b));
}

}  // namespace weft::philox
