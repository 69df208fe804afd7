#include "weft/device/process_memory.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace weft {

ProcessMemory process_memory() {
  const int64_t page = sysconf(_SC_PAGESIZE);
  int64_t total_pages = 0;
  int64_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> total_pages >> resident_pages;
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return {.resident = resident_pages * page, .peak_resident = int64_t{usage.ru_maxrss} * 1024};
}

int64_t machine_memory() {
  return static_cast<int64_t>(sysconf(_SC_PHYS_PAGES)) * sysconf(_SC_PAGESIZE);
}

}  // namespace weft
