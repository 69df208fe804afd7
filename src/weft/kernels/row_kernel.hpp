#pragma once

#include "weft/kernels/packs.hpp"

// Kernels that a block of GPU threads runs once per row. `Block` is the block: its threads share
// `map_row`, `row_sum`, `row_max`, `row_softmax` and `each_pack`; `once` runs in one of them. What
// `hold` and `map_and_hold` give back is an input of these, read from memory once where rows are
// short enough to stay in registers. On the host a test plays the block (reference/cuda.md 1.3).
// Sums are f32: each thread adds its packs in order, then the threads are folded in halves, so a
// row's bits depend on the block's size alone.

#if defined(__CUDACC__)
// A kernel is host and device code, its block may be either alone.
#define WEFT_ANY_BLOCK _Pragma("nv_exec_check_disable")
#else
#define WEFT_ANY_BLOCK
#endif
