#include "weft/train/kernel_benchmark.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <span>

#include "weft/kernels/attention.hpp"
#include "weft/kernels/cross_entropy.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/kernels/gemm_rate.hpp"
#include "weft/kernels/layer_norm.hpp"
#include "weft/kernels/parallel.hpp"
#include "weft/kernels/rms_norm.hpp"
#include "weft/model/rotary_embedding.hpp"

namespace weft::train {

namespace {

using Clock = std::chrono::steady_clock;

/// Median seconds of calls that fill about 0.15 s. A GPU is waited for once in many calls, which is
/// then one measurement.
double median_seconds(const Stream& stream, const std::function<void()>& call) {
  const int calls = stream.queue() == nullptr ? 1 : 20;
  call();
  stream.synchronize();
  std::vector<double> seconds;
  const Clock::time_point start = Clock::now();
  while (seconds.size() < 5 || Clock::now() - start < std::chrono::milliseconds(150)) {
    const Clock::time_point begin = Clock::now();
    for (int i = 0; i < calls; ++i) call();
    stream.synchronize();
    seconds.push_back(std::chrono::duration<double>(Clock::now() - begin).count() / calls);
  }
  const auto middle = seconds.begin() + static_cast<ptrdiff_t>(seconds.size() / 2);
  std::ranges::nth_element(seconds, middle);
  return *middle;
}

/// Tensors of a layer's sizes, filled with the same numbers, and the measurements.
class KernelBenchmark {
 public:
  KernelBenchmark(const model::ModelConfig& config, const model::MicrobatchShape& shape,
                  const ComputeDevice& device)
      : config_(config),
        shape_(shape),
        device_(device),
        stream_(device.make_stream()),
        rate_(stream_, config.dtype, device_.memory()),
        attention_({.sequence = shape.sequence,
                    .microbatch = shape.samples,
                    .heads = config.num_attention_heads,
                    .groups = config.query_groups(),
                    .head_dim = config.kv_channels,
                    .dtype = config.dtype,
                    .deterministic = true}),
        attention_plan_(stream_, attention_),
        workspace_(workspace_bytes(), device_.memory()),
        context_{stream_, {workspace_.data(), workspace_.size_bytes()}} {}

  std::vector<KernelRate> run() {
    norms();
    activations();
    residuals();
    rotary();
    cross_entropy();
    optimizer();
    attention();
    return std::move(rates_);
  }

 private:
  size_t workspace_bytes() const {
    const int64_t tokens = shape_.tokens();
    return std::max({attention_plan_.workspace_bytes(),
                     kernels::layer_norm_backward_weight_workspace(tokens, config_.hidden_size),
                     kernels::column_sum_workspace(tokens, config_.fc1_width()),
                     size_t{1} << 20});  // of a GPU's sums
  }

  /// A tensor of the model's type in which no element is special.
  Tensor tensor(Shape shape) { return filled(shape, config_.dtype); }

  Tensor empty(Shape shape, DType dtype) { return {shape, dtype, device_.memory()}; }

  Tensor filled(Shape shape, DType dtype) {
    Tensor values = empty(shape, DType::f32);
    kernels::fill_normal(context_, philox::indexed_key(1, 2, 3), 0, 0.0F, 0.5F, values);
    if (dtype == DType::f32) return values;
    Tensor rounded = empty(shape, dtype);
    kernels::convert(context_, values, rounded);
    stream_.synchronize();  // before the values are given back
    return rounded;
  }

  double memcpy_rate(double bytes) {
    const size_t half = static_cast<size_t>(bytes) / 2;
    if (from_.size_bytes() < half) {
      from_ = Buffer(half, device_.memory());
      to_ = Buffer(half, device_.memory());
    }
    if (device_.is_gpu()) {
      const Shape shape{static_cast<int64_t>(half / sizeof(float))};
      const ConstTensorView from(from_.data(), DType::f32, shape);
      const TensorView to(to_.data(), DType::f32, shape);
      return bytes * 1e-9 / median_seconds(stream_, [&] { kernels::convert(context_, from, to); });
    }
    const auto copy = [&] {
      kernels::parallel_pieces(
          static_cast<int64_t>(half), 1 << 18, [&](int64_t begin, int64_t end) {
            std::memcpy(to_.data() + begin, from_.data() + begin, static_cast<size_t>(end - begin));
          });
    };
    return bytes * 1e-9 / median_seconds(stream_, copy);
  }

  /// Measures `call`, which has to move `bytes`.
  void memory_bound(const std::string& name, double bytes, const std::function<void()>& call) {
    KernelRate rate{.name = name};
    const double before = memcpy_rate(bytes);
    rate.seconds = median_seconds(stream_, call);
    rate.limit = 0.5 * (before + memcpy_rate(bytes));
    rate.gb_per_s = bytes * 1e-9 / rate.seconds;
    rates_.push_back(rate);
  }

  double element() const { return static_cast<double>(size_of(config_.dtype)); }
  static double count(int64_t elements) { return static_cast<double>(elements); }

  void norms();
  void activations();
  void residuals();
  void rotary();
  void cross_entropy();
  void optimizer();
  void attention();

  model::ModelConfig config_;
  model::MicrobatchShape shape_;
  ComputeDevice device_;
  Stream stream_;
  kernels::GemmRate rate_;
  kernels::AttentionSpec attention_;
  kernels::AttentionPlan attention_plan_;
  Buffer workspace_;
  kernels::Context context_;
  Buffer from_;
  Buffer to_;
  std::vector<KernelRate> rates_;
};

void KernelBenchmark::norms() {
  const int64_t tokens = shape_.tokens();
  const int64_t hidden = config_.hidden_size;
  const double row = count(tokens * hidden) * element();
  const Tensor x = tensor({tokens, hidden});
  const Tensor dy = tensor({tokens, hidden});
  const Tensor gamma = tensor({hidden});
  Tensor y = tensor({tokens, hidden});
  Tensor mean = empty({tokens}, DType::f32);
  Tensor rstd = filled({tokens}, DType::f32);
  Tensor dgamma = empty({hidden}, DType::f32);
  Tensor dbeta = empty({hidden}, DType::f32);
  const kernels::NormConstants constants;
  if (config_.normalization == model::Normalization::rms_norm) {
    memory_bound("RMS norm", 2 * row,
                 [&] { kernels::rms_norm_forward(context_, x, gamma, constants, y, rstd); });
    memory_bound("RMS norm, input gradient", 4 * row, [&] {
      kernels::rms_norm_backward_input(context_, dy, x, gamma, constants, rstd, true, y);
    });
    memory_bound("RMS norm, weight gradient", 2 * row,
                 [&] { kernels::rms_norm_backward_weight(context_, dy, x, rstd, dgamma); });
    return;
  }
  memory_bound("layer norm", 2 * row, [&] {
    kernels::layer_norm_forward(context_, x, gamma, gamma, constants, y, mean, rstd);
  });
  memory_bound("layer norm, input gradient", 4 * row, [&] {
    kernels::layer_norm_backward_input(context_, dy, x, gamma, constants, mean, rstd, true, y);
  });
  memory_bound("layer norm, weight gradient", 2 * row, [&] {
    kernels::layer_norm_backward_weight(context_, dy, x, mean, rstd, dgamma, dbeta);
  });
}

void KernelBenchmark::activations() {
  const int64_t tokens = shape_.tokens();
  const Tensor x = tensor({tokens, config_.fc1_width()});
  Tensor y = tensor({tokens, config_.ffn_hidden_size});
  Tensor dx = tensor({tokens, config_.fc1_width()});
  Tensor bias = empty({config_.fc1_width()}, DType::f32);
  const double in = count(tokens * config_.fc1_width()) * element();
  const double out = count(tokens * config_.ffn_hidden_size) * element();
  memory_bound("activation", in + out,
               [&] { kernels::activation_forward(context_, config_.activation, x, y); });
  memory_bound("activation, gradient", 2 * in + out,
               [&] { kernels::activation_backward(context_, config_.activation, y, x, dx); });
  memory_bound("bias gradient", in, [&] { kernels::column_sum(context_, x, bias); });
}

void KernelBenchmark::residuals() {
  const Shape hidden_SBH{shape_.sequence, shape_.samples, config_.hidden_size};
  const double row = count(hidden_SBH.num_elements()) * element();
  const Tensor x = tensor(hidden_SBH);
  const Tensor residual = tensor(hidden_SBH);
  const Tensor bias = tensor({config_.hidden_size});
  Tensor y = tensor(hidden_SBH);
  Tensor samples = empty({shape_.samples}, DType::i64);
  const kernels::Dropout dropout(0.1, 1, 1, kernels::DropoutSite::mlp_output,
                                 samples.span<int64_t>());
  memory_bound("bias and residual", 3 * row,
               [&] { kernels::bias_dropout_add_forward(context_, {}, x, bias, residual, y); });
  memory_bound("bias, dropout and residual", 3 * row,
               [&] { kernels::bias_dropout_add_forward(context_, dropout, x, bias, residual, y); });
}

void KernelBenchmark::rotary() {
  if (config_.position_embedding != model::PositionEmbedding::rope) return;
  const model::RotaryEmbedding rotary(stream_, config_, shape_.sequence, device_.memory());
  Tensor qkv = tensor({shape_.sequence, shape_.samples, config_.head_layout().qkv_width()});
  const int64_t turned = shape_.tokens() * (config_.num_attention_heads + config_.query_groups()) *
                         config_.kv_channels;
  memory_bound("rotary positions", 2 * count(turned) * element(),
               [&] { rotary.forward(context_, 0, qkv); });
}

void KernelBenchmark::cross_entropy() {
  const int64_t tokens = std::min<int64_t>(shape_.tokens(), 1024);
  Tensor logits = tensor({tokens, config_.vocab_size});
  const Tensor labels = empty({tokens}, DType::i64);
  Tensor loss = empty({tokens}, DType::f32);
  const Tensor dloss = empty({tokens}, DType::f32);
  const double table = count(tokens * config_.vocab_size) * element();
  memory_bound("cross entropy without gradient", table,
               [&] { kernels::cross_entropy(context_, logits, labels, {}, loss); });
  memory_bound("cross entropy", 2 * table,
               [&] { kernels::cross_entropy(context_, logits, labels, dloss, loss); });
}

void KernelBenchmark::optimizer() {
  // A few layers' worth: more than caches hold.
  const int64_t elements = 4 * config_.hidden_size * config_.fc1_width();
  const Tensor grad = filled({elements}, DType::f32);
  Tensor param = filled({elements}, DType::f32);
  Tensor first = filled({elements}, DType::f32);
  Tensor second = empty({elements}, DType::f32);
  Tensor low = empty(config_.dtype == DType::f32 ? Shape{0} : Shape{elements}, config_.dtype);
  const bool rounds = config_.dtype != DType::f32;
  memory_bound("AdamW", count(elements) * (28 + (rounds ? element() : 0.0)), [&] {
    kernels::adamw(context_, {}, 1.0F, grad, param, first, second,
                   rounds ? low.view() : TensorView());
  });
  memory_bound("gradient norm", 4 * count(elements),
               [&] { kernels::sum_of_squares(context_, grad); });
}

void KernelBenchmark::attention() {
  const int64_t tokens = shape_.tokens();
  const Tensor qkv = tensor({tokens, attention_.qkv_width()});
  const Tensor dout = tensor({tokens, attention_.out_width()});
  Tensor out = tensor({tokens, attention_.out_width()});
  Tensor lse = empty({shape_.samples, config_.num_attention_heads, shape_.sequence}, DType::f32);
  Tensor dqkv = tensor({tokens, attention_.qkv_width()});
  // Two products over half of the positions forward, twice that backward (reference/cpu.md 2).
  const double flops = 2.0 * count(tokens * shape_.sequence) * count(attention_.out_width());
  const auto measure = [&](const char* name, double operations, const std::function<void()>& call) {
    KernelRate rate{.name = name};
    const double before = rate_.measure(0.1);
    rate.seconds = median_seconds(stream_, call);
    rate.limit = 0.5 * (before + rate_.measure(0.1));
    rate.gflops = operations * 1e-9 / rate.seconds;
    rates_.push_back(rate);
  };
  measure("attention", flops, [&] { attention_plan_.forward(context_, {}, qkv, out, lse); });
  measure("attention, gradient", 2 * flops,
          [&] { attention_plan_.backward(context_, {}, dout, qkv, out, lse, dqkv); });
}

}  // namespace

std::vector<KernelRate> benchmark_kernels(const model::ModelConfig& config,
                                          const model::MicrobatchShape& shape,
                                          const ComputeDevice& device) {
  return KernelBenchmark(config, shape, device).run();
}

}  // namespace weft::train
