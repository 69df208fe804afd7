// The sums of elementwise.hpp.
#include "weft/kernels/block_sums_cuda.cuh"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/element.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/gradient_gate_cuda.cuh"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

namespace {

/// sums[i] = the sum of Term over xs[i]. The workspace holds the partial sums of one tensor after
/// the other.
template <typename Term>
void sums_of(const Context& context, std::span<const ConstTensorView> xs,
             typename Term::Value* sums) {
  auto* partials = reinterpret_cast<typename Term::Value*>(context.workspace.data());
  KernelQueue& queue = queue_of(context.stream);
  for (size_t i = 0; i < xs.size(); ++i) {
    const BlockSums<Term> blocks{
        .x = xs[i].template data<float>(), .partials = partials, .size = xs[i].num_elements()};
    check_launch("sums", run(queue.get(), blocks, sums + i));
  }
}

}  // namespace

void tensor_square_sums(const Context& context, std::span<const ConstTensorView> xs,
                        TensorView sums_N) {
  sums_of<SquareOf>(context, xs, sums_N.data<double>());
}

void tensor_zero_counts(const Context& context, std::span<const ConstTensorView> xs,
                        TensorView counts_N) {
  sums_of<ZeroOf>(context, xs, counts_N.data<int64_t>());
}

void gate_gradients(const Context& context, ConstTensorView sums_N, double loss_scale,
                    double clip_grad, GradientGate* gate) {
  check_launch("gate_gradients", run(queue_of(context.stream).get(),
                                     GradientGateKernel{.sums = sums_N.data<double>(),
                                                        .count = sums_N.num_elements(),
                                                        .loss_scale = loss_scale,
                                                        .clip_grad = clip_grad,
                                                        .gate = gate}));
}

void masked_sum(const Context& context, ConstTensorView x_T, ConstTensorView mask_T,
                TensorView sum) {
  const MaskedSum masked{.x_T = x_T.data<float>(),
                         .mask_T = mask_T.data<float>(),
                         .sum = sum.data<double>(),
                         .size = x_T.num_elements()};
  check_launch("masked_sum", run(queue_of(context.stream).get(), masked));
}

bool all_finite(const Context& context, ConstTensorView x) {
  int32_t found = 0;
  check_workspace("all_finite", context, sizeof found);
  KernelQueue& queue = queue_of(context.stream);
  auto* in_workspace = reinterpret_cast<int32_t*>(context.workspace.data());
  check_launch("all_finite", cudaMemsetAsync(in_workspace, 0, sizeof found, queue.get()));
  with_type(x.dtype(), [&]<typename T>(T) {
    const NotFinite<T> kernel{.x = x.data<T>(), .found = in_workspace};
    check_launch("all_finite", run(queue.get(), kernel, x.num_elements()));
  });
  queue.download(in_workspace, &found, sizeof found);
  return found == 0;
}

}  // namespace weft::kernels::cuda
