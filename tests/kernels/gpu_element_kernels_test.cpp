// As gpu_kernels_test.cpp: rotary positions, copies and elementwise work.
#include <gtest/gtest.h>

#include <utility>

#include "support/emulated_block.hpp"
#include "support/tensor_near.hpp"
#include "weft/kernels/element_kernels.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/head_rows.hpp"
#include "weft/kernels/head_rows_kernel.hpp"
#include "weft/kernels/rotary.hpp"
#include "weft/kernels/rotary_kernel.hpp"
#include "weft/kernels/sgd_kernel.hpp"

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

TEST(GpuElementKernels, RowsOfAWiderMatrixConvert) {
  Stream stream;
  for (const int64_t columns : {13, 16}) {
    const Tensor x = random_tensor({5, 24}, 1);
    Tensor y[2] = {Tensor({5, columns}, DType::f16), Tensor({5, columns}, DType::f16)};
    convert_rows({stream, {}}, x, 24, y[0]);
    const ConvertRowsKernel<float, Float16> kernel{x.view().data<float>(),
                                                   y[1].view().data<Float16>(), columns, 24};
    if (columns % 8 == 0) {
      run_elements<8>(kernel, 5 * columns);
    } else {
      run_elements<1>(kernel, 5 * columns);
    }
    EXPECT_EQ(to_double(y[1]), to_double(y[0]));
  }
}

TEST(GpuElementKernels, HeadsAreCopiedToRowsAndBack) {
  constexpr HeadLayout kLayout{.heads = 6, .groups = 2, .head_dim = 16};
  constexpr int64_t kTokens = 3;
  Stream stream;
  const Tensor qkv = as_type(DType::bf16, random_tensor({kTokens, kLayout.qkv_width()}, 1));
  for (const HeadPart part : {HeadPart::queries, HeadPart::keys}) {
    const Shape shape{num_head_rows(kLayout, part, kTokens), 16};
    Tensor rows[2] = {Tensor(shape, DType::bf16), Tensor(shape, DType::bf16)};
    gather_heads({stream, {}}, kLayout, part, qkv, rows[0]);
    const auto* bits = reinterpret_cast<const uint16_t*>(qkv.view().raw());
    HeadRowsCopy<uint16_t> kernel{.from = bits,
                                  .to = static_cast<uint16_t*>(rows[1].view().raw()),
                                  .run = part == HeadPart::queries ? 48 : 16,
                                  .stride = 80,
                                  .start = part == HeadPart::queries ? 0 : 48,
                                  .gather = true};
    run_elements<8>(kernel, shape.num_elements());
    EXPECT_EQ(to_double(rows[1]), to_double(rows[0]));
    Tensor back[2] = {Tensor(qkv.shape(), DType::bf16), Tensor(qkv.shape(), DType::bf16)};
    scatter_heads({stream, {}}, kLayout, part, rows[0], back[0]);
    kernel.from = static_cast<const uint16_t*>(std::as_const(rows[0]).view().raw());
    kernel.to = static_cast<uint16_t*>(back[1].view().raw());
    kernel.gather = false;
    run_elements<8>(kernel, shape.num_elements());
    EXPECT_EQ(to_double(back[1]), to_double(back[0]));
  }
}

TEST(GpuElementKernels, InitialWeightsHaveTheProcessorsBits) {
  constexpr philox::Key kKey{1, 2};
  Stream stream;
  const Context context{stream, {}};
  for (const uint64_t first : {0ULL, 5000000001ULL}) {
    Tensor x[2] = {Tensor({103}, DType::f32), Tensor({103}, DType::f32)};
    fill_normal(context, kKey, first, 0.5F, 0.02F, x[0]);
    run_elements<4>(NormalKernel{kKey, first, 0.5F, 0.02F, x[1].view().data<float>()}, 103);
    EXPECT_EQ(to_double(x[1]), to_double(x[0]));
    fill_uniform(context, kKey, first, 0.5F, 0.02F, x[0]);
    run_elements<4>(UniformKernel{kKey, first, 0.5F, 0.02F, x[1].view().data<float>()}, 103);
    EXPECT_EQ(to_double(x[1]), to_double(x[0]));
  }
}

TEST(GpuElementKernels, Sgd) {
  constexpr int64_t kSize = 1027;
  Stream stream;
  const Tensor grad = random_tensor({kSize}, 1);
  for (const bool first : {false, true}) {
    for (const float momentum : {0.0F, 0.9F}) {
      Tensor param[2] = {random_tensor({kSize}, 2), random_tensor({kSize}, 2)};
      Tensor buffer[2] = {random_tensor({kSize}, 3), random_tensor({kSize}, 3)};
      Tensor low[2] = {Tensor({kSize}, DType::bf16), Tensor({kSize}, DType::bf16)};
      sgd({stream, {}}, 0.1F, momentum, 0.01F, first, 0.5F, grad, param[0], buffer[0], low[0]);
      run_elements<4>(
          SgdKernel<BFloat16>{0.1F, momentum, 0.01F, 0.5F, first, grad.view().data<float>(),
                              param[1].view().data<float>(),
                              momentum == 0.0F ? nullptr : buffer[1].view().data<float>(),
                              low[1].view().data<BFloat16>()},
          kSize);
      const Tolerance one = tolerance_of(DType::f32);
      expect_tensor_near("param", param[1], to_double(param[0]), one);
      expect_tensor_near("buffer", buffer[1], to_double(buffer[0]), one);
      expect_tensor_near("low", low[1], to_double(low[0]), {1e-5, 8e-3});
    }
  }
}

}  // namespace
}  // namespace weft::kernels
