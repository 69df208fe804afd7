#include "weft/kernels/cpu_kernels.hpp"

#include "weft/kernels/cuda_kernels.hpp"

namespace weft::kernels {

namespace cpu {
inline namespace v3 {
const CpuKernels& kernels();
}
inline namespace v4 {
const CpuKernels& kernels();
}
}  // namespace cpu

const CpuKernels& cpu_kernels(const Stream& stream) {
  return stream.instruction_set() == InstructionSet::v4 ? cpu::v4::kernels() : cpu::v3::kernels();
}

const KernelTable& kernel_table(const Stream& stream) {
  return stream.queue() == nullptr ? cpu_kernels(stream).table : stream.queue()->kernels().table;
}

}  // namespace weft::kernels
