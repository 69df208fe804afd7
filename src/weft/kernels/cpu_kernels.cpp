#include "weft/kernels/cpu_kernels.hpp"

namespace weft::kernels {

namespace cpu {
namespace v3 {
const CpuKernels& table();
}
namespace v4 {
const CpuKernels& table();
}
}  // namespace cpu

const CpuKernels& cpu_kernels(const Stream& stream) {
  return stream.instruction_set() == InstructionSet::v4 ? cpu::v4::table() : cpu::v3::table();
}

}  // namespace weft::kernels
