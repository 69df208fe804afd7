#pragma once

#include <cmath>
#include <memory>
#include <type_traits>
#include <vector>

namespace weft::testing {

/// A block of GPU threads that runs a kernel of phases, played on the host: every thread in turn
/// (attention_block.hpp). What a kernel reads it must have written: all memory starts as NaN.
template <typename Registers, typename Memory>
class EmulatedPhases {
 public:
  explicit EmulatedPhases(int threads)
      : memory_(std::make_unique<Memory>()), registers_(static_cast<size_t>(threads)) {
    fill(memory_.get(), 1);
    fill(registers_.data(), registers_.size());
  }

  Memory& memory() { return *memory_; }
  template <typename Body>
  void phase(const Body& body) {
    int thread = 0;
    for (Registers& own : registers_) body(thread++, own);
  }

 private:
  template <typename Struct>
  static void fill(Struct* first, size_t count) {
    static_assert(std::is_trivially_copyable_v<Struct> && sizeof(Struct) % sizeof(float) == 0);
    auto* floats = reinterpret_cast<float*>(first);
    std::fill_n(floats, count * sizeof(Struct) / sizeof(float), NAN);
  }

  std::unique_ptr<Memory> memory_;
  std::vector<Registers> registers_;
};

/// Runs every block of a kernel of phases.
template <typename Memory, typename Kernel>
void run_phases(const Kernel& kernel, int threads) {
  for (int64_t index = 0; index < kernel.num_blocks(); ++index) {
    EmulatedPhases<typename Kernel::Registers, Memory> block(threads);
    kernel(block, index);
  }
}

}  // namespace weft::testing
