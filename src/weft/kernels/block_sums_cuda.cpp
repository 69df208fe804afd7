// The sums of elementwise.hpp. Those that return values wait for the GPU once, at their end.
#include "weft/kernels/block_sums_cuda.cuh"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/element.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/kernel_queue.cuh"

namespace weft::kernels::cuda {

namespace {

/// results[i] = the sum of Term over xs[i]. The workspace holds the results and, behind them, the
/// partial sums of one tensor after the other.
template <typename Term>
void sums_of(const Context& context, std::span<const ConstTensorView> xs,
             std::span<typename Term::Value> results) {
  using Value = typename Term::Value;
  if (xs.empty()) return;
  std::byte* workspace = context.workspace.data();
  auto* sums = reinterpret_cast<Value*>(workspace);
  auto* partials = reinterpret_cast<Value*>(workspace + aligned_size(results.size_bytes()));
  KernelQueue& queue = queue_of(context.stream);
  for (size_t i = 0; i < xs.size(); ++i) {
    const BlockSums<Term> blocks{
        .x = xs[i].template data<float>(), .partials = partials, .size = xs[i].num_elements()};
    check_launch("sums", run(queue.get(), blocks, sums + i));
  }
  queue.download(sums, results.data(), results.size_bytes());
}

}  // namespace

void sums_of_squares(const Context& context, std::span<const ConstTensorView> xs,
                     std::span<double> sums) {
  sums_of<SquareOf>(context, xs, sums);
}

void counts_of_zeros(const Context& context, std::span<const ConstTensorView> xs,
                     std::span<int64_t> counts) {
  sums_of<ZeroOf>(context, xs, counts);
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
