#pragma once

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#if defined(__SANITIZE_THREAD__)
#include <thread>
#include <vector>
#endif

#include "weft/kernels/isa.hpp"

// Loops over threads. Work is cut into pieces whose size never depends on the number of threads, so
// that neither do the bits of a result.

namespace weft::kernels::inline WEFT_ISA {

/// Calls `member(thread, size)` once on each thread of a team of at most `threads`; returns when
/// all have returned. Members must not throw.
template <typename Member>
void run_team(int threads, const Member& member) {
#if defined(__SANITIZE_THREAD__)
  // libgomp is not instrumented: ThreadSanitizer would report every variable that a region shares.
  // It understands std::thread, and sees the same division of work.
  std::vector<std::jthread> team;
  for (int thread = 1; thread < threads; ++thread) {
    team.emplace_back([&member, thread, threads] { member(thread, threads); });
  }
  member(0, threads);
#else
#pragma omp parallel num_threads(threads)
  member(omp_get_thread_num(), omp_get_num_threads());
#endif
}

/// Calls `body(item, thread)` for every item in [0, items) on at most `threads` threads; `thread`
/// is in [0, threads). Items go to threads in any order.
template <typename Body>
void parallel_items(int64_t items, int threads, const Body& body) {
  if (items <= 1 || threads <= 1) {
    for (int64_t item = 0; item < items; ++item) body(item, 0);
    return;
  }
  std::atomic<int64_t> next{0};
  run_team(threads, [&](int thread, int /*size*/) {
    for (int64_t item = next.fetch_add(1); item < items; item = next.fetch_add(1)) {
      body(item, thread);
    }
  });
}

/// Calls `body(begin, end)` for the pieces of [0, size) that start at multiples of `piece`; a
/// thread takes neighbouring pieces.
template <typename Body>
void parallel_pieces(int64_t size, int64_t piece, const Body& body) {
  const int64_t pieces = (size + piece - 1) / piece;
  const auto run = [&](int64_t first, int64_t last) {
    for (int64_t index = first; index < last; ++index) {
      body(index * piece, std::min(size, (index + 1) * piece));
    }
  };
  // Always the whole team: libgomp ends and starts threads when the size of a team changes.
  const int threads = omp_get_max_threads();
  if (pieces <= 1 || threads <= 1) {
    run(0, pieces);
    return;
  }
  run_team(threads, [&](int thread, int team) {
    run(pieces * thread / team, pieces * (thread + 1) / team);
  });
}

/// Elements that one piece of an elementwise loop covers: 64 KiB of fp32.
inline constexpr int64_t kElementPiece = 16384;

/// Rows of `columns` elements that make a piece of about kElementPiece elements.
inline int64_t rows_per_piece(int64_t columns) {
  return std::max<int64_t>(1, kElementPiece / std::max<int64_t>(1, columns));
}

/// Calls `body(row)` for every row in [0, rows); a row has `columns` elements, and a thread takes
/// neighbouring rows.
template <typename Body>
void parallel_rows(int64_t rows, int64_t columns, const Body& body) {
  parallel_pieces(rows, rows_per_piece(columns), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) body(row);
  });
}

}  // namespace weft::kernels::inline WEFT_ISA
