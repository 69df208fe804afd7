#include "weft/device/kernel_clock.hpp"

#include <cassert>

namespace weft {

void KernelClock::add(std::string_view name, double seconds) {
  size_t index = 0;
  while (index < size_ && entries_[index].name != name) ++index;
  if (index == size_) {
    assert(size_ < kMostKinds);
    entries_[size_++] = {.name = name};
  }
  Entry& found = entries_[index];
  found.seconds += seconds;
  ++found.calls;
}

}  // namespace weft
