#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "support/tensor_near.hpp"
#include "weft/kernels/context.hpp"

namespace weft::testing {

/// Sets the kernels' number of threads and restores it at the end of its scope.
class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(kernels::num_threads()) {
    kernels::set_num_threads(threads);
  }
  ~ThreadCount() { kernels::set_num_threads(before_); }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

/// Expects `run()` (a vector of fp32 tensors) to give the same bits on 1, 2, 3 and 4 threads.
template <typename Run>
void expect_same_for_thread_counts(const Run& run) {
  std::vector<Tensor> one;
  {
    const ThreadCount threads(1);
    one = run();
  }
  for (const int count : {2, 3, 4}) {
    const ThreadCount threads(count);
    const std::vector<Tensor> many = run();
    ASSERT_EQ(many.size(), one.size());
    for (size_t i = 0; i < many.size(); ++i) {
      expect_same_bits("result " + std::to_string(i) + " on " + std::to_string(count) + " threads",
                       many[i], one[i]);
    }
  }
}

}  // namespace weft::testing
