#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "weft/kernels/packs.hpp"
#include "weft/kernels/row_softmax.hpp"

// A block of GPU threads played on the host: every thread in turn runs the text that the GPU runs,
// and the threads' values are folded in the same order (row_block.cuh, block_fold.cuh).

namespace weft::testing {

/// Folds the 32 values of a warp in halves.
template <typename Value, typename Combine>
Value fold_lanes_of_warp(const Value* values, const Combine& combine) {
  std::vector<Value> lanes(values, values + 32);
  for (size_t width = 16; width > 0; width /= 2) {
    for (size_t lane = 0; lane < width; ++lane) {
      lanes[lane] = combine(lanes[lane], lanes[lane + width]);
    }
  }
  return lanes[0];
}

/// Folds the values of a block's threads as block_fold.cuh does.
template <typename Value, typename Combine>
Value fold_threads(const std::vector<Value>& values, Value neutral, const Combine& combine) {
  std::vector<Value> of_warps(32, neutral);
  for (size_t warp = 0; warp < values.size() / 32; ++warp) {
    of_warps[warp] = fold_lanes_of_warp(values.data() + 32 * warp, combine);
  }
  return fold_lanes_of_warp(of_warps.data(), combine);
}

/// A row that the threads hold: the packs of each.
template <typename T, int N, int kPacks>
struct HeldRow {
  std::vector<kernels::HeldPacks<T, N, kPacks>> of_threads;
};

/// What `thread` sees of an input.
template <typename Input>
const Input& part_of(const Input& input, int /*thread*/) {
  return input;
}
template <typename T, int N, int kPacks>
const kernels::HeldPacks<T, N, kPacks>& part_of(const HeldRow<T, N, kPacks>& row, int thread) {
  return row.of_threads[static_cast<size_t>(thread)];
}

template <int N, int kThreads = 256, int kPacks = 0>
struct EmulatedBlock {
  static constexpr int kPack = N;

  template <typename Body>
  void each_pack(int64_t size, const Body& body) const {
    for (int thread = 0; thread < kThreads; ++thread) {
      kernels::thread_packs<N>(thread, kThreads, size, body);
    }
  }
  template <typename T>
  auto hold(int64_t size, const T* x) const {
    if constexpr (kPacks == 0) {
      return x;
    } else {
      HeldRow<T, N, kPacks> row;
      for (int thread = 0; thread < kThreads; ++thread) {
        row.of_threads.push_back(kernels::thread_hold<N, kPacks>(thread, kThreads, size, x));
      }
      return row;
    }
  }
  template <typename T, typename Function, typename... Inputs>
  void map_row(int64_t size, T* y, const Function& function, const Inputs&... inputs) const {
    for (int thread = 0; thread < kThreads; ++thread) {
      kernels::thread_map<N, kPacks>(thread, kThreads, size, y, function,
                                     part_of(inputs, thread)...);
    }
  }
  template <typename T, typename Function, typename... Inputs>
  auto map_and_hold(int64_t size, T* y, const Function& function, const Inputs&... inputs) const {
    if constexpr (kPacks == 0) {
      map_row(size, y, function, inputs...);
      return static_cast<const T*>(y);
    } else {
      HeldRow<T, N, kPacks> row;
      for (int thread = 0; thread < kThreads; ++thread) {
        row.of_threads.push_back(kernels::thread_map_and_hold<N, kPacks>(
            thread, kThreads, size, y, function, part_of(inputs, thread)...));
      }
      return row;
    }
  }
  template <typename T, typename Function, typename... Inputs>
  void map_row_to_two(int64_t size, T* y, T* z, const Function& function,
                      const Inputs&... inputs) const {
    for (int thread = 0; thread < kThreads; ++thread) {
      kernels::thread_map_to_two<N, kPacks>(thread, kThreads, size, y, z, function,
                                            part_of(inputs, thread)...);
    }
  }
  template <typename Value = float, typename Function, typename... Inputs>
  Value row_sum(int64_t size, const Function& function, const Inputs&... inputs) const {
    return fold(
        [&](int thread) {
          return kernels::thread_sum<N, kPacks, Value>(thread, kThreads, size, function,
                                                       part_of(inputs, thread)...);
        },
        Value{}, [](Value a, Value b) { return a + b; });
  }
  template <typename T>
  float row_max(int64_t size, const T* x) const {
    return fold([&](int thread) { return kernels::thread_max<N>(thread, kThreads, size, x); },
                -INFINITY, [](float a, float b) { return kernels::larger_or_nan(a, b); });
  }
  template <typename T>
  kernels::SoftmaxSum row_softmax(int64_t size, const T* x) const {
    return fold([&](int thread) { return kernels::thread_softmax<N>(thread, kThreads, size, x); },
                kernels::SoftmaxSum::none(), kernels::joined);
  }
  template <typename Body>
  void once(const Body& body) const {
    body();
  }

 private:
  template <typename Value, typename Combine>
  static auto fold(const Value& value, auto neutral, const Combine& combine) {
    std::vector<decltype(neutral)> values;
    for (int thread = 0; thread < kThreads; ++thread) values.push_back(value(thread));
    return fold_threads(values, neutral, combine);
  }
};

/// Runs a row kernel as the GPU would: in packs of 16 bytes of T where rows of `size` elements
/// allow it, else one by one.
template <typename T, int kThreads = 256, typename Kernel>
void run_rows(const Kernel& kernel, int64_t rows, int64_t size) {
  constexpr int kPack = kernels::kPackOf<T>;
  for (int64_t row = 0; row < rows; ++row) {
    if (size % kPack == 0) {
      kernel(EmulatedBlock<kPack, kThreads>{}, row);
    } else {
      kernel(EmulatedBlock<1, kThreads>{}, row);
    }
  }
}

/// As run_rows; as the GPU does where threads hold short rows (launch_held_rows).
template <typename T, typename Kernel>
void run_held_rows(const Kernel& kernel, int64_t rows, int64_t size) {
  constexpr int kPack = kernels::kPackOf<T>;
  constexpr int kHeld = 4;
  const int64_t threads = (size / kPack + kHeld - 1) / kHeld;
  if (size % kPack != 0 || threads > 256) return run_rows<T>(kernel, rows, size);
  for (int64_t row = 0; row < rows; ++row) {
    if (threads <= 32) {
      kernel(EmulatedBlock<kPack, 32, kHeld>{}, row);
    } else if (threads <= 64) {
      kernel(EmulatedBlock<kPack, 64, kHeld>{}, row);
    } else if (threads <= 128) {
      kernel(EmulatedBlock<kPack, 128, kHeld>{}, row);
    } else {
      kernel(EmulatedBlock<kPack, 256, kHeld>{}, row);
    }
  }
}

/// Runs an element kernel in packs of N and the rest one by one.
template <int N, typename Kernel>
void run_elements(const Kernel& kernel, int64_t size) {
  const int64_t packed = size / N * N;
  for (int64_t first = 0; first < packed; first += N) kernels::run_pack<N>(kernel, first);
  for (int64_t first = packed; first < size; ++first) kernels::run_pack<1>(kernel, first);
}

}  // namespace weft::testing
