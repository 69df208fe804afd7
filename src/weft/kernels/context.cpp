#include "weft/kernels/context.hpp"

#include <omp.h>

#include <algorithm>

namespace weft::kernels {

// OMP_THREAD_LIMIT holds whatever else asks for.
int num_threads() { return std::min(omp_get_max_threads(), omp_get_thread_limit()); }

void set_num_threads(int threads) {
  check(threads >= 1, ErrorKind::usage, "{} threads per rank; at least 1 is needed", threads);
  omp_set_num_threads(threads);
}

}  // namespace weft::kernels
