#pragma once

#include <cstdint>

namespace weft {

/// Host memory of this process as the kernel counts it, bytes.
struct ProcessMemory {
  int64_t resident = 0;
  int64_t peak_resident = 0;
};

ProcessMemory process_memory();

/// Physical memory of the machine, bytes.
int64_t machine_memory();

}  // namespace weft
