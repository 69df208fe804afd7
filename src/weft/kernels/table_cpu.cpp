#include "weft/kernels/cpu_kernels.hpp"
#include "weft/kernels/isa.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

#define WEFT_DECLARATION(name) decltype(kernels::name) name;  // NOLINT(bugprone-macro-parentheses)
WEFT_CPU_KERNELS(WEFT_DECLARATION)
#undef WEFT_DECLARATION

const CpuKernels& table() {
#define WEFT_ENTRY(name) .name = name,  // NOLINT(bugprone-macro-parentheses)
  static constexpr CpuKernels entries{WEFT_CPU_KERNELS(WEFT_ENTRY)};
#undef WEFT_ENTRY
  return entries;
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
