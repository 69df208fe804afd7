#include "weft/kernels/cpu_kernels.hpp"
#include "weft/kernels/isa.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

#define WEFT_DECLARATION(name) decltype(kernels::name) name;  // NOLINT(bugprone-macro-parentheses)
WEFT_KERNELS(WEFT_DECLARATION)
WEFT_DECLARATION(attention_forward)
WEFT_DECLARATION(attention_backward)
#undef WEFT_DECLARATION

const CpuKernels& kernels() {
#define WEFT_ENTRY(name) .name = name,  // NOLINT(bugprone-macro-parentheses)
  static constexpr CpuKernels entries{.table = {WEFT_KERNELS(WEFT_ENTRY)},
                                      .attention_forward = attention_forward,
                                      .attention_backward = attention_backward};
#undef WEFT_ENTRY
  return entries;
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
