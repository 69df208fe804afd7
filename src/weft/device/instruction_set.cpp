#include "weft/device/instruction_set.hpp"

#include <cpuid.h>

namespace weft {

std::string_view name(InstructionSet set) {
  switch (set) {
    case InstructionSet::v3:
      return "x86-64-v3";
    case InstructionSet::v4:
      return "x86-64-v4 with avx512_bf16";
  }
  return "?";
}

InstructionSet best_instruction_set() {
  static const bool has_v4 =
      __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512bf16") != 0;
  return has_v4 ? InstructionSet::v4 : InstructionSet::v3;
}

namespace {

bool has_amx_bf16() {
  constexpr unsigned kAmxBf16 = 1U << 22;
  unsigned a = 0;
  unsigned b = 0;
  unsigned c = 0;
  unsigned d = 0;
  return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (d & kAmxBf16) != 0;
}

}  // namespace

bool multiplies_bf16_fast(InstructionSet set) {
  if (set != InstructionSet::v4) return false;
  return __builtin_cpu_is("intel") == 0 || has_amx_bf16();
}

}  // namespace weft
