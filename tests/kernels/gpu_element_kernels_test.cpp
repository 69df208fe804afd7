// As gpu_kernels_test.cpp: rotary positions, elementwise work and sums of squares.
#include <gtest/gtest.h>

#include <vector>

#include "support/emulated_block.hpp"
#include "support/tensor_near.hpp"
#include "weft/kernels/element_kernels.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/rotary.hpp"
#include "weft/kernels/rotary_kernel.hpp"
#include "weft/kernels/square_sums.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

template <typename T>
void compare_rotary(const HeadLayout& layout, int64_t frequencies, RotaryPairs pairs,
                    bool backward) {
  SCOPED_TRACE(::testing::Message() << name(dtype_of<T>) << " head dim " << layout.head_dim
                                    << " frequencies " << frequencies);
  constexpr int64_t kSequence = 5;
  constexpr int64_t kMicrobatch = 2;
  Stream stream;
  const Context context{stream, {}};
  const Tensor cos = random_tensor({kSequence, frequencies}, 1);
  const Tensor sin = random_tensor({kSequence, frequencies}, 2);
  const Shape shape{kSequence, kMicrobatch, layout.qkv_width()};
  Tensor cpu = as_type(dtype_of<T>, random_tensor(shape, 3));
  Tensor gpu = copy_of(cpu);
  if (backward) {
    rotary_backward(context, layout, pairs, cos, sin, cpu);
  } else {
    rotary_forward(context, layout, pairs, cos, sin, cpu);
  }
  const RotaryRow<T> kernel{.qkv_SBQ = gpu.view().template data<T>(),
                            .cos_SF = cos.view().data<float>(),
                            .sin_SF = sin.view().data<float>(),
                            .layout = layout,
                            .microbatch = kMicrobatch,
                            .frequencies = frequencies,
                            .direction = backward ? -1.0F : 1.0F,
                            .neighbours = pairs == RotaryPairs::neighbours};
  // Packs of pairs where both a head and its frequencies are whole packs.
  const bool packs = layout.head_dim % kPackOf<T> == 0;
  run_rows<T>(kernel, kSequence * kMicrobatch, packs ? frequencies : 1);
  const Tolerance one = tolerance_of(dtype_of<T>);
  expect_tensor_near("qkv", gpu, to_double(cpu), {4.0 * one.absolute, 2.0 * one.relative});
}

TEST(GpuElementKernels, RotaryTurnsQueriesAndKeys) {
  const auto compare = [](const HeadLayout& layout, int64_t frequencies) {
    for (const RotaryPairs pairs : {RotaryPairs::halves, RotaryPairs::neighbours}) {
      for (const bool backward : {false, true}) {
        compare_rotary<float>(layout, frequencies, pairs, backward);
        compare_rotary<BFloat16>(layout, frequencies, pairs, backward);
        compare_rotary<Float16>(layout, frequencies, pairs, backward);
      }
    }
  };
  compare({.heads = 6, .groups = 2, .head_dim = 32}, 16);
  compare({.heads = 3, .groups = 3, .head_dim = 64}, 16);  // half of the channels turn
  compare({.heads = 4, .groups = 1, .head_dim = 10}, 5);
}

TEST(GpuElementKernels, ConvertAddAndScaleAreExact) {
  constexpr int64_t kSize = 1003;
  Stream stream;
  const Context context{stream, {}};
  const Tensor x = random_tensor({kSize}, 1);
  Tensor cpu(x.shape(), DType::bf16);
  Tensor gpu(x.shape(), DType::bf16);
  convert(context, x, cpu);
  run_elements<8>(
      ConvertKernel<float, BFloat16>{x.view().data<float>(), gpu.view().data<BFloat16>()}, kSize);
  EXPECT_EQ(to_double(gpu), to_double(cpu));
  Tensor sum[2] = {random_tensor({kSize}, 2), random_tensor({kSize}, 2)};
  add(context, x, sum[0]);
  scale(context, 0.7F, sum[0]);
  run_elements<4>(AddKernel<float>{x.view().data<float>(), sum[1].view().data<float>()}, kSize);
  run_elements<4>(ScaleKernel<float>{0.7F, sum[1].view().data<float>()}, kSize);
  EXPECT_EQ(to_double(sum[1]), to_double(sum[0]));
}

TEST(GpuElementKernels, SumsOfSquaresHaveTheProcessorsBits) {
  Stream stream;
  const Context context{stream, {}};
  for (const int64_t size : {1, 15, 1024, 1025, 70000}) {
    const Tensor x = random_tensor({size}, 1);
    std::vector<double> partials(static_cast<size_t>((size + 1023) / 1024));
    const SquareSums squares{x.view().data<float>(), partials.data(), size};
    ASSERT_EQ(squares.num_blocks(), static_cast<int64_t>(partials.size()));
    for (int64_t block = 0; block < squares.num_blocks(); ++block) {
      double lanes[SquareSums::kLanes];
      for (int64_t lane = 0; lane < SquareSums::kLanes; ++lane) {
        lanes[lane] = squares.lane(block, lane);
      }
      partials[static_cast<size_t>(block)] = fold_lanes(lanes);
    }
    EXPECT_EQ(squares.total(), sum_of_squares(context, x)) << size;
  }
}

}  // namespace
}  // namespace weft::kernels
