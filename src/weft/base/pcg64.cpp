#include "weft/base/pcg64.hpp"

#include <bit>

namespace weft {

uint64_t Pcg64::next64() {
  constexpr Word128 kMultiplier = join(0x2360ED051FC65DA4U, 0x4385DF649FCCF645U);
  state_ = state_ * kMultiplier + increment_;
  const auto high = static_cast<uint64_t>(state_ >> 64);
  const auto low = static_cast<uint64_t>(state_);
  return std::rotr(high ^ low, static_cast<int>(high >> 58));
}

uint32_t Pcg64::next32() {
  if (kept_) {
    const uint32_t word = *kept_;
    kept_.reset();
    return word;
  }
  const uint64_t word = next64();
  kept_ = static_cast<uint32_t>(word >> 32);
  return static_cast<uint32_t>(word);
}

int64_t Pcg64::integer(int64_t low, int64_t high) {
  const auto range = static_cast<uint32_t>(high - low);
  const uint32_t threshold = (0U - range) % range;
  uint64_t product = uint64_t{next32()} * range;
  while (static_cast<uint32_t>(product) < threshold) product = uint64_t{next32()} * range;
  return low + static_cast<int64_t>(product >> 32);
}

}  // namespace weft
