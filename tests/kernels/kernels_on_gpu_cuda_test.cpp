// Every kernel of the table on a GPU beside the processor's, through the public functions. Skips
// where there is no usable GPU.
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "support/tensor_near.hpp"
#include "weft/device/cuda_backend.hpp"
#include "weft/kernels/activation.hpp"
#include "weft/kernels/cross_entropy.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/embedding.hpp"
#include "weft/kernels/head_rows.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/rms_norm.hpp"
#include "weft/kernels/rotary.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

using Tensors = std::vector<Tensor>;
using Views = std::vector<ConstTensorView>;
/// A kernel that reads `in` and writes, or adds to, `out`.
using Call = std::function<void(const Context&, const Tensors& in, Tensors& out)>;

constexpr size_t kWorkspaceBytes = size_t{16} << 20;
constexpr NormConstants kConstants{.epsilon = 1e-5F, .gamma_offset = 1.0F};

/// Types of the residual stream and of what stands beside it.
struct Types {
  DType stream;
  DType dtype;
};
constexpr Types kTypes[] = {{DType::f32, DType::f32},
                            {DType::bf16, DType::bf16},
                            {DType::f16, DType::f16},
                            {DType::f32, DType::bf16},
                            {DType::f32, DType::f16}};
constexpr DType kElementTypes[] = {DType::f32, DType::bf16, DType::f16};

class KernelsOnGpu : public ::testing::Test {
 protected:
  void SetUp() override {
    const CudaOpening opening = open_cuda_backend(WEFT_CUDA_BACKEND);
    ASSERT_NE(opening.backend, nullptr) << opening.problem;
    const std::string reason = why_unusable(opening.backend->facts(), 0, 0);
    if (!reason.empty()) GTEST_SKIP() << reason;
    gpu_ = std::make_unique<Stream>(opening.backend->make_queue(0));
    memory_ = opening.backend->make_memory(0);
    gpu_workspace_ = Buffer(kWorkspaceBytes, *memory_);
  }

  Context on_gpu() { return {*gpu_, {gpu_workspace_.data(), kWorkspaceBytes}}; }
  Context on_cpu() { return {cpu_, {cpu_workspace_.data(), kWorkspaceBytes}}; }
  Tensor uploaded(ConstTensorView tensor) {
    Tensor copy(tensor.shape(), tensor.dtype(), *memory_);
    gpu_->upload(tensor.raw(), copy.view().raw(), tensor.size_bytes());
    return copy;
  }
  Tensor downloaded(const Tensor& tensor) {
    Tensor copy(tensor.shape(), tensor.dtype());
    gpu_->download(tensor.view().raw(), copy.view().raw(), copy.view().size_bytes());
    return copy;
  }

  /// Runs `call` on both devices; absolute tolerances grow with `magnitude`.
  void compare(const std::string& name, const Views& in, const Views& out, const Call& call,
               double magnitude = 1.0) {
    Tensors cpu_in;
    Tensors cpu_out;
    Tensors gpu_in;
    Tensors gpu_out;
    for (const ConstTensorView& tensor : in) {
      cpu_in.push_back(copy_of(tensor));
      gpu_in.push_back(uploaded(tensor));
    }
    for (const ConstTensorView& tensor : out) {
      cpu_out.push_back(copy_of(tensor));
      gpu_out.push_back(uploaded(tensor));
    }
    call(on_cpu(), cpu_in, cpu_out);
    call(on_gpu(), gpu_in, gpu_out);
    for (size_t i = 0; i < out.size(); ++i) {
      const Tolerance one = tolerance_of(out[i].dtype());
      expect_tensor_near(name + ", output " + std::to_string(i), downloaded(gpu_out[i]),
                         to_double(cpu_out[i]),
                         {4.0 * one.absolute * magnitude, 2.0 * one.relative});
    }
  }

  std::unique_ptr<Stream> gpu_;
  std::unique_ptr<MemoryResource> memory_;
  Buffer gpu_workspace_;
  Stream cpu_;
  Buffer cpu_workspace_{kWorkspaceBytes};
};

Tensor random(DType dtype, const Shape& shape, uint32_t seed, double scale = 1.0) {
  return as_type(dtype, random_tensor(shape, seed, scale));
}

TEST_F(KernelsOnGpu, Norms) {
  constexpr int64_t kRows = 1300;  // more than blocks
  for (const Types& types : kTypes) {
    for (const int64_t hidden : {int64_t{77}, int64_t{1600}}) {
      const Shape shape{kRows, hidden};
      const Tensor x = random(types.stream, shape, 1);
      const Tensor gamma = random(types.dtype, {hidden}, 2);
      const Tensor beta = random(types.dtype, {hidden}, 3);
      const Tensor dy = random(types.dtype, shape, 4);
      const Tensor row = random(DType::f32, {kRows}, 5);
      const Tensor zeros = filled_tensor({hidden}, 0.0F);
      compare("layer norm", {x, gamma, beta}, {dy, row, row},
              [](const Context& context, const Tensors& in, Tensors& out) {
                layer_norm_forward(context, in[0], in[1], in[2], kConstants, out[0], out[1],
                                   out[2]);
              });
      compare("rms norm", {x, gamma}, {dy, row},
              [](const Context& context, const Tensors& in, Tensors& out) {
                rms_norm_forward(context, in[0], in[1], kConstants, out[0], out[1]);
              });
      for (const bool accumulate : {false, true}) {
        const auto backward = [=](const Context& context, const Tensors& in, Tensors& out) {
          layer_norm_backward_input(context, in[0], in[1], in[2], kConstants, in[3], in[4],
                                    accumulate, out[0]);
          rms_norm_backward_input(context, in[0], in[1], in[2], kConstants, in[4], accumulate,
                                  out[1]);
        };
        compare("norm backward", {dy, x, gamma, row, row}, {x, x}, backward, 4.0);
      }
      compare(
          "norm weights", {dy, x, row, row}, {zeros, zeros, zeros},
          [](const Context& context, const Tensors& in, Tensors& out) {
            layer_norm_backward_weight(context, in[0], in[1], in[2], in[3], out[0], out[1]);
            rms_norm_backward_weight(context, in[0], in[1], in[3], out[2]);
          },
          200.0);
    }
  }
}

TEST_F(KernelsOnGpu, ActivationsRotaryAndHeads) {
  constexpr HeadLayout kLayout{.heads = 6, .groups = 2, .head_dim = 32};
  for (const DType dtype : kElementTypes) {
    for (const int64_t width : {int64_t{78}, int64_t{6400}}) {
      for (const Activation activation : {Activation::gelu_tanh, Activation::gelu_erf,
                                          Activation::squared_relu, Activation::swiglu}) {
        const Shape narrow{300, is_gated(activation) ? width / 2 : width};
        const Tensor x = random(dtype, {300, width}, 1, 2.0);
        const auto both = [=](const Context& context, const Tensors& in, Tensors& out) {
          activation_forward(context, activation, in[0], out[0]);
          activation_backward(context, activation, in[1], in[0], out[1]);
        };
        compare("activation", {x, random(dtype, narrow, 2)},
                {Tensor(narrow, dtype), Tensor(x.shape(), dtype)}, both, 4.0);
      }
    }
    const Tensor angles = random(DType::f32, {50, 16}, 3);
    const Tensor qkv = random(dtype, {50, 4, kLayout.qkv_width()}, 4);
    for (const RotaryPairs pairs : {RotaryPairs::halves, RotaryPairs::neighbours}) {
      compare("rotary", {angles, angles}, {qkv, qkv},
              [=](const Context& context, const Tensors& in, Tensors& out) {
                rotary_forward(context, kLayout, pairs, in[0], in[1], out[0]);
                rotary_backward(context, kLayout, pairs, in[0], in[1], out[1]);
              });
    }
    for (const HeadPart part : {HeadPart::queries, HeadPart::keys}) {
      const Shape rows{num_head_rows(kLayout, part, 200), 32};
      compare("heads", {qkv}, {Tensor(rows, dtype), Tensor(qkv.shape(), dtype)},
              [=](const Context& context, const Tensors& in, Tensors& out) {
                gather_heads(context, kLayout, part, in[0], out[0]);
                scatter_heads(context, kLayout, part, out[0], out[1]);
              });
    }
  }
}

TEST_F(KernelsOnGpu, EmbeddingAndDropout) {
  constexpr int64_t kSequence = 512;
  constexpr int64_t kMicrobatch = 4;
  constexpr int64_t kWords = 3000;
  std::vector<int64_t> words;
  std::vector<int64_t> places;
  for (int64_t i = 0; i < kSequence * kMicrobatch; ++i) {
    words.push_back(i % 3 == 0 ? 7 : i * i % kWords);  // one word comes often
    places.push_back(i % kSequence);
  }
  const Tensor tokens = index_tensor({kMicrobatch, kSequence}, words);
  const Tensor positions = index_tensor({kMicrobatch, kSequence}, places);
  const Tensor samples = index_tensor({kMicrobatch}, {3, 1, 4, 5000000000});
  for (const Types& types : kTypes) {
    for (const int64_t hidden : {int64_t{77}, int64_t{1600}}) {
      const Shape shape{kSequence, kMicrobatch, hidden};
      const Tensor stream = random(types.stream, shape, 1);
      const Tensor branch = random(types.dtype, shape, 2);
      const Tensor bias = random(types.dtype, {hidden}, 3);
      compare("embedding",
              {random(types.dtype, {kWords, hidden}, 4),
               random(types.dtype, {kSequence, hidden}, 5), tokens, positions},
              {stream, stream}, [](const Context& context, const Tensors& in, Tensors& out) {
                embedding_forward(context, in[0], in[1], in[2], in[3], out[0]);
                embedding_forward(context, in[0], {}, in[2], {}, out[1]);
              });
      compare(
          "embedding gradient", {stream, tokens, positions},
          {random(DType::f32, {kWords, hidden}, 6), random(DType::f32, {kSequence, hidden}, 7)},
          [](const Context& context, const Tensors& in, Tensors& out) {
            embedding_backward(context, in[0], in[1], out[0]);
            embedding_backward(context, in[0], in[2], out[1]);
          },
          100.0);
      for (const double rate : {0.0, 0.3}) {
        const auto all = [=](const Context& context, const Tensors& in, Tensors& out) {
          const Dropout dropout(rate, 77, 3, DropoutSite::mlp_output, in[3].view().span<int64_t>());
          bias_dropout_add_forward(context, dropout, in[0], in[1], in[2], out[0]);
          bias_dropout_add_forward(context, dropout, in[0], {}, in[2], out[1]);
          dropout_forward(context, dropout, in[2], out[2]);
        };
        compare("dropout", {branch, bias, stream, samples}, {stream, stream, branch}, all);
      }
    }
  }
}

TEST_F(KernelsOnGpu, CrossEntropy) {
  for (const DType dtype : kElementTypes) {
    for (const int64_t vocab : {int64_t{77}, int64_t{4096}, int64_t{50304}}) {
      const Tensor logits = random(dtype, {300, vocab}, 1, 4.0);
      std::vector<int64_t> ids;
      for (int64_t i = 0; i < 300; ++i) ids.push_back(i * 7919 % vocab);
      const Tensor labels = index_tensor({300}, ids);
      const Tensor row = random(DType::f32, {300}, 2);
      compare("whole", {labels, row}, {logits, row},
              [](const Context& context, const Tensors& in, Tensors& out) {
                cross_entropy(context, out[0], in[0], in[1], out[1]);
              });
      compare("pieces", {labels, row}, {logits, row, row, row, row},
              [](const Context& context, const Tensors& in, Tensors& out) {
                cross_entropy_max(context, out[0], out[1]);
                cross_entropy_sums(context, out[0], in[0], 5, out[1], out[2], out[3]);
                cross_entropy_loss(context, out[2], out[3], out[4]);
                cross_entropy_backward(context, out[0], in[0], 5, out[1], out[3], in[1]);
              });
    }
  }
}

TEST_F(KernelsOnGpu, ElementsAndOptimizers) {
  for (const int64_t size : {int64_t{1003}, int64_t{1} << 20}) {
    const Tensor x = random(DType::f32, {size}, 1);
    const Tensor v = random_tensor({size}, 2, 0.1, 0.5);
    for (const DType dtype : kElementTypes) {
      const Tensor y = random(dtype, {size}, 3);
      compare("convert, add, scale, fill", {x, y}, {y, y, x, y},
              [](const Context& context, const Tensors& in, Tensors& out) {
                convert(context, in[0], out[0]);
                add(context, in[1], out[1]);
                scale(context, 0.7F, out[1]);
                convert(context, in[1], out[2]);
                fill_zero(context, out[3]);
              });
      compare("rows", {random(dtype, {40, 24}, 4)},
              {Tensor({40, 16}, DType::f32), Tensor({40, 13}, DType::bf16)},
              [](const Context& context, const Tensors& in, Tensors& out) {
                convert_rows(context, in[0], 24, out[0]);
                convert_rows(context, in[0], 24, out[1]);
              });
      compare(
          "column sum", {random(dtype, {size / 100, 100}, 5)}, {random(DType::f32, {100}, 6)},
          [](const Context& context, const Tensors& in, Tensors& out) {
            column_sum(context, in[0], out[0]);
          },
          100.0);
      const auto steps = [=](const Context& context, const Tensors& in, Tensors& out) {
        const AdamWStep step{.learning_rate = 1e-2F, .weight_decay = 0.1F};
        const TensorView low = dtype == DType::f32 ? TensorView() : out[3].view();
        adamw(context, step, 0.5F, in[0], out[0], out[1], out[2], low);
        sgd(context, 0.1F, 0.9F, 0.01F, false, 0.5F, in[0], out[4], out[5], low);
        sgd(context, 0.1F, 0.0F, 0.01F, false, 0.5F, in[0], out[6], {}, {});
      };
      compare("optimizers", {x}, {x, x, v, y, x, x, x}, steps);
    }
    compare("random", {}, {x, x}, [](const Context& context, const Tensors&, Tensors& out) {
      fill_normal(context, {1, 2}, 5000000001, 0.0F, 0.02F, out[0]);
      fill_uniform(context, {3, 4}, 7, 0.0F, 0.02F, out[1]);
    });
  }
}

TEST_F(KernelsOnGpu, Sums) {
  Tensors cpu;
  for (const int64_t size : {7, 1003, 70000, 5000000}) {
    cpu.push_back(random(DType::f32, {size}, 1));
    for (size_t i = 0; i < static_cast<size_t>(size); i += 11) set_element(cpu.back(), i, 0.0F);
  }
  Tensors gpu;
  for (const Tensor& tensor : cpu) gpu.push_back(uploaded(tensor));
  const Views cpu_views(cpu.begin(), cpu.end());
  const Views gpu_views(gpu.begin(), gpu.end());
  std::vector<double> squares[3] = {std::vector<double>(4), std::vector<double>(4),
                                    std::vector<double>(4)};
  std::vector<int64_t> zeros[2] = {std::vector<int64_t>(4), std::vector<int64_t>(4)};
  sums_of_squares(on_cpu(), cpu_views, squares[0]);
  sums_of_squares(on_gpu(), gpu_views, squares[1]);
  sums_of_squares(on_gpu(), gpu_views, squares[2]);
  counts_of_zeros(on_cpu(), cpu_views, zeros[0]);
  counts_of_zeros(on_gpu(), gpu_views, zeros[1]);
  for (size_t i = 0; i < 4; ++i) EXPECT_NEAR(squares[1][i], squares[0][i], 1e-13 * squares[0][i]);
  EXPECT_EQ(squares[2], squares[1]);
  EXPECT_EQ(zeros[1], zeros[0]);

  Tensor sum[2] = {Tensor({1}, DType::f64), Tensor({1}, DType::f64, *memory_)};
  masked_sum(on_cpu(), cpu[2], cpu[2], sum[0]);
  masked_sum(on_gpu(), gpu[2], gpu[2], sum[1]);
  const double expected = sum[0].span<double>()[0];
  EXPECT_NEAR(downloaded(sum[1]).span<double>()[0], expected, 1e-12 * expected);

  for (const DType dtype : kElementTypes) {
    Tensor x = random(dtype, {70001}, 2);
    EXPECT_TRUE(all_finite(on_gpu(), uploaded(x)));
    set_element(x, 70000, INFINITY);
    EXPECT_FALSE(all_finite(on_gpu(), uploaded(x)));
  }
}

}  // namespace
}  // namespace weft::kernels
