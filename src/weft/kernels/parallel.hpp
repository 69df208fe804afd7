#pragma once

#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdint>

// Loops over threads. Work is cut into pieces whose size never depends on the number of threads, so
// that neither do the bits of a result.

namespace weft::kernels {

#if defined(__SANITIZE_THREAD__)
// libgomp is not instrumented: ThreadSanitizer cannot see that a region starts after what its
// caller wrote and ends before what its caller reads. These two operations tell it.
inline std::atomic<int64_t> region_edge{0};
inline void mark_region_edge_passed() { region_edge.load(std::memory_order_acquire); }
inline void mark_region_edge() { region_edge.fetch_add(1, std::memory_order_acq_rel); }
#else
inline void mark_region_edge_passed() {}
inline void mark_region_edge() {}
#endif

/// Calls `body(item, thread)` for every item in [0, items) on at most `threads` threads; `thread`
/// is in [0, threads). Items go to threads in any order. Bodies must not throw.
template <typename Body>
void parallel_items(int64_t items, int threads, const Body& body) {
  if (items <= 1 || threads <= 1) {
    for (int64_t item = 0; item < items; ++item) body(item, 0);
    return;
  }
  mark_region_edge();
#pragma omp parallel num_threads(threads)
  {
    mark_region_edge_passed();
    const int thread = omp_get_thread_num();
#pragma omp for schedule(dynamic, 1) nowait
    for (int64_t item = 0; item < items; ++item) body(item, thread);
    mark_region_edge();
  }
  mark_region_edge_passed();
}

/// Calls `body(begin, end)` for the pieces of [0, size) that start at multiples of `piece`.
template <typename Body>
void parallel_pieces(int64_t size, int64_t piece, const Body& body) {
  const int64_t pieces = (size + piece - 1) / piece;
  if (pieces <= 1) {
    if (size > 0) body(int64_t{0}, size);
    return;
  }
  mark_region_edge();
#pragma omp parallel
  {
    mark_region_edge_passed();
#pragma omp for schedule(static) nowait
    for (int64_t index = 0; index < pieces; ++index) {
      body(index * piece, std::min(size, (index + 1) * piece));
    }
    mark_region_edge();
  }
  mark_region_edge_passed();
}

/// Elements that one piece of an elementwise loop covers: 64 KiB of fp32.
inline constexpr int64_t kElementPiece = 16384;

/// Rows of `columns` elements that make a piece of about kElementPiece elements.
inline int64_t rows_per_piece(int64_t columns) {
  return std::max<int64_t>(1, kElementPiece / std::max<int64_t>(1, columns));
}

}  // namespace weft::kernels
