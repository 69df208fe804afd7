#include "weft/kernels/context.hpp"

#include <omp.h>

namespace weft::kernels {

int num_threads() { return omp_get_max_threads(); }

void set_num_threads(int threads) {
  check(threads >= 1, ErrorKind::usage, "{} threads per rank; at least 1 is needed", threads);
  omp_set_num_threads(threads);
}

}  // namespace weft::kernels
