#pragma once

#include <cstddef>
#include <span>

#include "weft/base/error.hpp"
#include "weft/device/stream.hpp"

// Legend of shape suffixes in this library: S sequence, B microbatch (samples), T = S * B tokens,
// H hidden size, F feed-forward width, N heads, G query groups, D head size, V vocabulary,
// M x K times K x N for matrix products. x_TH is a [T, H] row-major tensor.

namespace weft::kernels {

/// What a kernel runs on: a stream and scratch memory of the calling rank. `workspace` must hold at
/// least what the kernel or plan states; its content does not outlive the call.
struct Context {
  Stream& stream;
  std::span<std::byte> workspace;
};

/// Threads that kernels called from this thread use (OpenMP's setting of the calling thread).
int num_threads();

/// Sets the number of threads for kernels called from this thread. Call before any plan is made:
/// plans keep the number they were made with.
void set_num_threads(int threads);

}  // namespace weft::kernels
