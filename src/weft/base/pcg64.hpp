#pragma once

#include <cstdint>
#include <optional>

namespace weft {

/// numpy's default generator, PCG64 (O'Neill 2014: XSL RR 128/64), in the state of
/// numpy.random.default_rng(0): the only seed that Megatron's mock data uses.
class Pcg64 {
 public:
  Pcg64() = default;

  uint64_t next64();
  /// Low and high half of a 64-bit word in turn, as numpy hands them out.
  uint32_t next32();
  /// numpy's Generator.integers(low, high) for high - low below 2^32: Lemire's bounded draw (2019).
  int64_t integer(int64_t low, int64_t high);

 private:
  __extension__ using Word128 = unsigned __int128;
  static constexpr Word128 join(uint64_t high, uint64_t low) { return (Word128{high} << 64) | low; }

  // What numpy's SeedSequence(0) turns into.
  Word128 state_ = join(0x1AA1B5345996452DU, 0x09585EB7A69561E3U);
  Word128 increment_ = join(0x418DDADB3AF71A82U, 0x588133BC447873A9U);
  std::optional<uint32_t> kept_;
};

}  // namespace weft
