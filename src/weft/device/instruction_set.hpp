#pragma once

#include <cstdint>
#include <string_view>

namespace weft {

/// Instruction sets that the kernels of the processor are compiled for (design: kernel files once
/// per set, the rest of the program for the oldest).
enum class InstructionSet : uint8_t {
  v3,  ///< x86-64-v3: AVX2, FMA, F16C
  v4,  ///< x86-64-v4 with bf16: AVX-512 F, BW, CD, DQ, VL and BF16
};

/// "x86-64-v3", "x86-64-v4 with avx512_bf16"
std::string_view name(InstructionSet set);

/// The best set that this processor has.
InstructionSet best_instruction_set();

/// Whether bf16 products run faster than f32 ones with `set` on this processor. Not without the
/// instructions, and not on Intel's before AMX: their bf16 dot product does two multiplications at
/// half the rate of the f32 one, and oneDNN 2.6 gets 0.54 of its f32 rate out of it.
bool multiplies_bf16_fast(InstructionSet set);

}  // namespace weft
