#pragma once

#include <cstdint>
#include <string_view>

// Counter-based random numbers: Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy
// as 1, 2, 3" (SC 2011). A draw depends on (key, counter) alone, never on the order of calls, so
// initial weights and dropout masks do not depend on the layout, the schedule or the number of
// threads.

#if defined(__CUDACC__)
#define WEFT_HOST_DEVICE __host__ __device__
#else
#define WEFT_HOST_DEVICE
#endif

namespace weft::philox {

/// 64 key bits that select a stream.
struct Key {
  uint32_t low = 0;
  uint32_t high = 0;
};

/// 128 counter bits that select a block of a stream.
struct Counter {
  uint32_t word[4] = {0, 0, 0, 0};
};

/// Four independent uniform 32-bit words.
struct Block {
  uint32_t word[4];
};

/// Block number `counter` of stream `key`: ten Philox rounds.
WEFT_HOST_DEVICE inline Block generate(Key key, Counter counter) {
  constexpr uint32_t kMultiplier0 = 0xD2511F53u;
  constexpr uint32_t kMultiplier1 = 0xCD9E8D57u;
  constexpr uint32_t kWeyl0 = 0x9E3779B9u;
  constexpr uint32_t kWeyl1 = 0xBB67AE85u;
  uint32_t c0 = counter.word[0];
  uint32_t c1 = counter.word[1];
  uint32_t c2 = counter.word[2];
  uint32_t c3 = counter.word[3];
  for (int round = 0; round < 10; ++round) {
    const uint64_t product0 = static_cast<uint64_t>(kMultiplier0) * c0;
    const uint64_t product1 = static_cast<uint64_t>(kMultiplier1) * c2;
    c0 = static_cast<uint32_t>(product1 >> 32) ^ c1 ^ key.low;
    c2 = static_cast<uint32_t>(product0 >> 32) ^ c3 ^ key.high;
    c1 = static_cast<uint32_t>(product1);
    c3 = static_cast<uint32_t>(product0);
    key.low += kWeyl0;
    key.high += kWeyl1;
  }
  return {{c0, c1, c2, c3}};
}

/// Counter of block `index` in the sub-stream `stream` (for example a global sample index).
WEFT_HOST_DEVICE inline Counter counter(uint64_t index, uint64_t stream) {
  return {{static_cast<uint32_t>(index), static_cast<uint32_t>(index >> 32),
           static_cast<uint32_t>(stream), static_cast<uint32_t>(stream >> 32)}};
}

/// Key of the stream named by (seed, text): a parameter name, for example.
Key named_key(uint64_t seed, std::string_view text);

/// Key of the stream selected by (seed, a, b): a layer and a site, for example.
Key indexed_key(uint64_t seed, uint64_t a, uint64_t b);

/// `word` as a uniform float in (0, 1]: (word + 1) / 2^32 in double, never 0.
WEFT_HOST_DEVICE inline double open_unit(uint32_t word) {
  return (static_cast<double>(word) + 1.0) * 0x1p-32;
}

}  // namespace weft::philox
