#pragma once

#include <cstdint>
#include <type_traits>

#include "weft/kernels/element_blocks.hpp"
#include "weft/kernels/float_pair.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/parallel.hpp"

// Loops over the elements of rows, for functions of floats: f(x[i], ...) of one or more input rows
// whose elements may be of different types. An output row may be one of the inputs, and does not
// overlap them otherwise: the compiler is told so, because it cannot see it.

namespace weft::kernels::inline WEFT_ISA {

/// Elements that are taken at once: all of a row whose tensors are all of f32.
template <typename... Ts>
constexpr int64_t block_size(int64_t row) {
  return (std::is_same_v<Ts, float> && ...) || row < kBlock ? row : kBlock;
}

/// Calls body(begin, count) for the blocks of [0, size).
template <typename Body>
inline void for_blocks(int64_t size, int64_t block, const Body& body) {
  for (int64_t begin = 0; begin < size; begin += block) {
    body(begin, size - begin < block ? size - begin : block);
  }
}

/// y[i] = f(x[i]...), rounded to T, for i in [0, size).
template <typename T, typename Function, typename... Inputs>
inline void map_row(int64_t size, T* y, const Function& f, const Inputs*... x) {
  const auto loop = [&f](int64_t count, float* out, const auto*... in) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) out[i] = f(in[i]...);
  };
  const auto run = [size, &loop](BlockWriter<T>&& writer, BlockReader<Inputs>&&... readers) {
    for_blocks(size, block_size<T, Inputs...>(size), [&](int64_t begin, int64_t count) {
      loop(count, writer.block(begin), readers.read(begin, count)...);
      writer.write(begin, count);
    });
  };
  run(BlockWriter<T>(y), BlockReader<Inputs>(x)...);
}

/// (y[i], z[i]) = f(x[i]...), rounded to T, for i in [0, size).
template <typename T, typename Function, typename... Inputs>
inline void map_row_to_two(int64_t size, T* y, T* z, const Function& f, const Inputs*... x) {
  const auto loop = [&f](int64_t count, float* first, float* second, const auto*... in) {
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) {
      const FloatPair result = f(in[i]...);
      first[i] = result.first;
      second[i] = result.second;
    }
  };
  const auto run = [size, &loop](BlockWriter<T>&& first, BlockWriter<T>&& second,
                                 BlockReader<Inputs>&&... readers) {
    for_blocks(size, block_size<T, Inputs...>(size), [&](int64_t begin, int64_t count) {
      loop(count, first.block(begin), second.block(begin), readers.read(begin, count)...);
      first.write(begin, count);
      second.write(begin, count);
    });
  };
  run(BlockWriter<T>(y), BlockWriter<T>(z), BlockReader<Inputs>(x)...);
}

/// y[i] += f(x[i]...), rounded once.
template <typename T, typename Function, typename... Inputs>
inline void add_to_row(int64_t size, T* y, const Function& f, const Inputs*... x) {
  map_row(
      size, y, [=](float sum, const auto... in) { return sum + f(in...); }, y, x...);
}

/// Sum over the row of f(x[i]...) in fp32, in the order of 16 lanes.
template <typename Function, typename... Inputs>
inline float row_sum(int64_t size, const Function& f, const Inputs*... x) {
  float lanes[kLanes] = {};
  const auto add = [&f, &lanes](int64_t count, const auto*... in) {
    add_to_lanes(
        count, [=](int64_t i) { return f(in[i]...); }, lanes);
  };
  const auto run = [size, &add](BlockReader<Inputs>&&... readers) {
    for_blocks(size, block_size<Inputs...>(size),
               [&](int64_t begin, int64_t count) { add(count, readers.read(begin, count)...); });
  };
  run(BlockReader<Inputs>(x)...);
  return fold_lanes(lanes);
}

/// Sums over the row of both results of f(x[i]...), each as row_sum gives it.
template <typename Function, typename... Inputs>
inline FloatPair row_sum_pair(int64_t size, const Function& f, const Inputs*... x) {
  float first[kLanes] = {};
  float second[kLanes] = {};
  const auto add = [&](int64_t count, const auto*... in) {
    float a[kLanes];
    float b[kLanes];
    for (int64_t lane = 0; lane < kLanes; ++lane) a[lane] = first[lane];
    for (int64_t lane = 0; lane < kLanes; ++lane) b[lane] = second[lane];
    const auto step = [&](int64_t i, int64_t lane) {
      const FloatPair terms = f(in[i + lane]...);
      a[lane] += terms.first;
      b[lane] += terms.second;
    };
    int64_t i = 0;
    for (; i + kLanes <= count; i += kLanes) {
      for (int64_t lane = 0; lane < kLanes; ++lane) step(i, lane);
    }
    for (int64_t lane = 0; i + lane < count; ++lane) step(i, lane);
    for (int64_t lane = 0; lane < kLanes; ++lane) first[lane] = a[lane];
    for (int64_t lane = 0; lane < kLanes; ++lane) second[lane] = b[lane];
  };
  const auto run = [size, &add](BlockReader<Inputs>&&... readers) {
    for_blocks(size, block_size<Inputs...>(size),
               [&](int64_t begin, int64_t count) { add(count, readers.read(begin, count)...); });
  };
  run(BlockReader<Inputs>(x)...);
  return {fold_lanes(first), fold_lanes(second)};
}

/// map_row on all threads.
template <typename T, typename Function, typename... Inputs>
inline void map_all(int64_t size, T* y, const Function& f, const Inputs*... x) {
  parallel_pieces(size, kElementPiece, [=](int64_t begin, int64_t end) {
    const Function local = f;
    map_row(end - begin, y + begin, local, (x + begin)...);
  });
}

}  // namespace weft::kernels::inline WEFT_ISA
