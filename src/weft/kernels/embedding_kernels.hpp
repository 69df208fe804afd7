#pragma once

#include "weft/kernels/packs.hpp"
#include "weft/kernels/row_kernel.hpp"

// The embedding of embedding.hpp for GPU threads. The gradient of a table is a sum of rows by id,
// in the order of their tokens: the tokens are sorted by id with integers alone, counting and then
// ranking within each id, and every id's rows are added by one block.

namespace weft::kernels::inline WEFT_ISA {

/// embedding_forward of one row of out_SBH. X is the type of the residual stream.
template <typename T, typename X = T>
struct EmbeddingForwardRow {
  const T* word_VH;
  const T* position_PH;  ///< may be null
  const int64_t* tokens_BS;
  const int64_t* positions_BS;
  X* out_SBH;
  int64_t sequence;
  int64_t microbatch;
  int64_t hidden;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t row) const {
    const int64_t token = row % microbatch * sequence + row / microbatch;
    const T* word = word_VH + tokens_BS[token] * hidden;
    X* out = out_SBH + row * hidden;
    if (position_PH == nullptr) {
      block.map_row(
          hidden, out, [](float w) { return w; }, word);
    } else {
      block.map_row(
          hidden, out, [](float w, float p) { return w + p; }, word,
          position_PH + positions_BS[token] * hidden);
    }
  }
};

/// counter += 1, by one of many threads; returns what it was.
WEFT_HOST_DEVICE inline int32_t counted(int32_t& counter) {
#if defined(__CUDA_ARCH__)
  return atomicAdd(&counter, 1);
#else
  return counter++;
#endif
}

/// Sorts tokens by id, those of one id in token order, in steps that each need the whole of the
/// step before. The result does not depend on the order in which threads run.
struct TokenSort {
  const int64_t* ids_BS;
  int32_t* ends_R;      ///< all 0 at first: how often each id comes; then where its tokens end
  int32_t* unsorted_T;  ///< the tokens of each id side by side
  int32_t* sorted_T;
  int64_t tokens;
  int64_t rows;  ///< ids are below

  /// 1. For every token.
  WEFT_HOST_DEVICE void count(int64_t token) const { counted(ends_R[ids_BS[token]]); }

  /// 2. The rows of one of `threads` threads: how many tokens they have ...
  WEFT_HOST_DEVICE int32_t total(int64_t thread, int64_t threads) const {
    int32_t sum = 0;
    for (int64_t row = first_row(thread, threads); row < first_row(thread + 1, threads); ++row) {
      sum += ends_R[row];
    }
    return sum;
  }
  /// ... and, from how many the threads before it have, where each row's tokens begin.
  WEFT_HOST_DEVICE void place_rows(int64_t thread, int64_t threads, int32_t before) const {
    for (int64_t row = first_row(thread, threads); row < first_row(thread + 1, threads); ++row) {
      const int32_t count = ends_R[row];
      ends_R[row] = before;
      before += count;
    }
  }

  /// 3. For every token; moves each row's begin to its end.
  WEFT_HOST_DEVICE void place(int64_t token) const {
    unsorted_T[counted(ends_R[ids_BS[token]])] = static_cast<int32_t>(token);
  }

  /// 4. For every token of unsorted_T.
  WEFT_HOST_DEVICE void rank(int64_t at) const {
    const int32_t token = unsorted_T[at];
    const int64_t id = ids_BS[token];
    const int32_t begin = first_of(id);
    const int32_t end = ends_R[id];
    int32_t before = begin;
    for (int32_t other = begin; other < end; ++other) before += unsorted_T[other] < token ? 1 : 0;
    sorted_T[before] = token;
  }

  WEFT_HOST_DEVICE int32_t first_of(int64_t id) const { return id == 0 ? 0 : ends_R[id - 1]; }

 private:
  WEFT_HOST_DEVICE int64_t first_row(int64_t thread, int64_t threads) const {
    return rows * thread / threads;
  }
};

/// table_RH[id] += the rows of dout_SBH of the id whose first token stands at `place` of sorted_T;
/// nothing at other places.
template <typename T>
struct EmbeddingGradientRow {
  TokenSort sort;
  const T* dout_SBH;
  float* dtable_RH;
  int64_t sequence;
  int64_t microbatch;
  int64_t hidden;

  WEFT_ANY_BLOCK
  template <typename Block>
  WEFT_HOST_DEVICE void operator()(const Block& block, int64_t place) const {
    const int64_t id = sort.ids_BS[sort.sorted_T[place]];
    if (place != sort.first_of(id)) return;
    const int64_t end = sort.ends_R[id];
    float* table = dtable_RH + id * hidden;
    block.each_pack(hidden,
                    [&](int64_t first) { add_pack<Block::kPack>(place, end, first, table); });
  }

 private:
  template <int N>
  WEFT_HOST_DEVICE void add_pack(int64_t begin, int64_t end, int64_t first, float* table) const {
    float sums[N] = {};
#if defined(__CUDA_ARCH__)
#pragma unroll 4
#endif
    for (int64_t place = begin; place < end; ++place) {
      // Token b S + s is row s B + b.
      const int32_t token = sort.sorted_T[place];
      const auto length = static_cast<int32_t>(sequence);
      const int64_t row = int64_t{token % length} * microbatch + token / length;
      float d[N];
      load_pack<N>(dout_SBH, row * hidden + first, d);
      for (int i = 0; i < N; ++i) sums[i] += d[i];
    }
    float before[N];
    load_pack<N>(static_cast<const float*>(table), first, before);
    for (int i = 0; i < N; ++i) sums[i] += before[i];
    store_pack<N>(table, first, sums);
  }
};

}  // namespace weft::kernels::inline WEFT_ISA
