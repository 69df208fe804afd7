#pragma once

#include <immintrin.h>

#include <cstdint>

#include "weft/base/philox.hpp"
#include "weft/kernels/isa.hpp"

// Philox4x32-10 for four blocks at once (AVX2), or eight (AVX-512). Plain C++ reaches about 3 GB/s
// of masks because g++ makes poor code of the 32 x 32 -> 64 bit products (reference/cpu.md 3.2).

namespace weft::kernels::inline WEFT_ISA {

/// Word w of four blocks: lane l of word[w] holds, in its low 32 bits, word w of block l. The upper
/// halves of the lanes hold what the rounds left there.
struct PhiloxFour {
  __m256i word[4];
};

/// The round keys of one stream, spread over lanes: made once, used for many blocks.
struct PhiloxKeys {
  explicit PhiloxKeys(philox::Key key) {
    for (int round = 0; round < 10; ++round) {
      low[round] = _mm256_set1_epi64x(key.low);
      high[round] = _mm256_set1_epi64x(key.high);
      key.low += 0x9E3779B9u;
      key.high += 0xBB67AE85u;
    }
  }

  __m256i low[10];
  __m256i high[10];
};

/// Blocks counter(index_l, stream) of `keys` for the four 64-bit indices in `index`.
inline PhiloxFour philox_four(const PhiloxKeys& keys, __m256i index, uint64_t stream) {
  const __m256i multiplier0 = _mm256_set1_epi64x(0xD2511F53);
  const __m256i multiplier1 = _mm256_set1_epi64x(0xCD9E8D57);
  __m256i c0 = index;
  __m256i c1 = _mm256_srli_epi64(index, 32);
  __m256i c2 = _mm256_set1_epi64x(static_cast<int64_t>(stream));
  __m256i c3 = _mm256_srli_epi64(c2, 32);
  for (int round = 0; round < 10; ++round) {
    // Only the low halves of the lanes count; _mm256_mul_epu32 ignores what stands above them.
    const __m256i product0 = _mm256_mul_epu32(c0, multiplier0);
    const __m256i product1 = _mm256_mul_epu32(c2, multiplier1);
    c0 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product1, 32), c1), keys.low[round]);
    c2 = _mm256_xor_si256(_mm256_xor_si256(_mm256_srli_epi64(product0, 32), c3), keys.high[round]);
    c1 = product1;
    c3 = product0;
  }
  return {{c0, c1, c2, c3}};
}

/// The low halves of a PhiloxFour word as four consecutive 32-bit numbers.
inline __m128i low_halves(__m256i lanes) {
  const __m256i order = _mm256_setr_epi32(0, 2, 4, 6, 0, 2, 4, 6);
  return _mm256_castsi256_si128(_mm256_permutevar8x32_epi32(lanes, order));
}

/// Words of the 16 elements 16 * group .. 16 * group + 15 of sub-stream `stream`, in order.
inline void philox_words16(const PhiloxKeys& keys, uint64_t group, uint64_t stream,
                           uint32_t* words) {
  const __m256i index = _mm256_add_epi64(_mm256_set1_epi64x(static_cast<int64_t>(4 * group)),
                                         _mm256_setr_epi64x(0, 1, 2, 3));
  const PhiloxFour blocks = philox_four(keys, index, stream);
  const __m256i low32 = _mm256_set1_epi64x(0xFFFFFFFF);
  const __m256i words01 = _mm256_or_si256(_mm256_and_si256(blocks.word[0], low32),
                                          _mm256_slli_epi64(blocks.word[1], 32));
  const __m256i words23 = _mm256_or_si256(_mm256_and_si256(blocks.word[2], low32),
                                          _mm256_slli_epi64(blocks.word[3], 32));
  const __m256i blocks02 = _mm256_unpacklo_epi64(words01, words23);
  const __m256i blocks13 = _mm256_unpackhi_epi64(words01, words23);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(words),
                      _mm256_permute2x128_si256(blocks02, blocks13, 0x20));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(words + 8),
                      _mm256_permute2x128_si256(blocks02, blocks13, 0x31));
}

#if defined(__AVX512F__)
/// philox_words16 for two groups, with eight blocks at once.
inline void philox_words32(const PhiloxKeys& keys, uint64_t group, uint64_t stream,
                           uint32_t* words) {
  using Lanes = uint64_t __attribute__((vector_size(64)));
  // Masks of all lanes: g++ 12 warns of the undefined register in the intrinsics without a mask.
  constexpr __mmask8 kAll = 0xFF;
  const auto product = [](Lanes a, uint64_t multiplier) {
    const __m512i factor = _mm512_set1_epi64(static_cast<int64_t>(multiplier));
    return reinterpret_cast<Lanes>(
        _mm512_maskz_mul_epu32(kAll, reinterpret_cast<__m512i>(a), factor));
  };
  const auto all = [](__m256i key) {
    return reinterpret_cast<Lanes>(_mm512_maskz_broadcast_i64x4(kAll, key));
  };
  Lanes c0 = 4 * group + Lanes{0, 1, 2, 3, 4, 5, 6, 7};
  Lanes c1 = c0 >> 32;
  Lanes c2 = stream + Lanes{};
  Lanes c3 = c2 >> 32;
  for (int round = 0; round < 10; ++round) {
    const Lanes product0 = product(c0, 0xD2511F53);
    const Lanes product1 = product(c2, 0xCD9E8D57);
    c0 = (product1 >> 32) ^ c1 ^ all(keys.low[round]);
    c2 = (product0 >> 32) ^ c3 ^ all(keys.high[round]);
    c1 = product1;
    c3 = product0;
  }
  const auto words01 = reinterpret_cast<__m512i>((c0 & 0xFFFFFFFF) | (c1 << 32));
  const auto words23 = reinterpret_cast<__m512i>((c2 & 0xFFFFFFFF) | (c3 << 32));
  const __m512i first = _mm512_setr_epi64(0, 8, 1, 9, 2, 10, 3, 11);
  const __m512i second = _mm512_setr_epi64(4, 12, 5, 13, 6, 14, 7, 15);
  _mm512_storeu_si512(words, _mm512_permutex2var_epi64(words01, first, words23));
  _mm512_storeu_si512(words + 16, _mm512_permutex2var_epi64(words01, second, words23));
}
#endif

/// philox_words16 for `groups` successive groups.
inline void philox_groups(const PhiloxKeys& keys, uint64_t first, uint64_t groups, uint64_t stream,
                          uint32_t* words) {
  uint64_t group = 0;
#if defined(__AVX512F__)
  for (; group + 2 <= groups; group += 2) {
    philox_words32(keys, first + group, stream, words + 16 * group);
  }
#endif
  for (; group < groups; ++group) {
    philox_words16(keys, first + group, stream, words + 16 * group);
  }
}

}  // namespace weft::kernels::inline WEFT_ISA
