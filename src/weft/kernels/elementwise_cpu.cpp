#include "weft/kernels/elementwise.hpp"

#include <atomic>
#include <cstring>
#include <type_traits>

#include "weft/kernels/element_loops.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/optimizer_math.hpp"
#include "weft/kernels/row_chunks.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

void fill_zero(const Context& /*context*/, TensorView y) {
  auto* bytes = static_cast<std::byte*>(y.raw());
  const auto size = static_cast<int64_t>(y.size_bytes());
  parallel_pieces(size, kElementPiece * 4, [=](int64_t begin, int64_t end) {
    std::memset(bytes + begin, 0, static_cast<size_t>(end - begin));
  });
}

namespace {

void convert_row(int64_t size, const BFloat16* x, float* y) { load_block(x, size, y); }
void convert_row(int64_t size, const Float16* x, float* y) { load_block(x, size, y); }
template <typename From, typename To>
void convert_row(int64_t size, const From* x, To* y) {
  if constexpr (std::is_same_v<From, To>) {
    std::memmove(y, x, static_cast<size_t>(size) * sizeof(To));  // the bits of a NaN stay too
  } else {
    map_row(
        size, y, [](float v) { return v; }, x);
  }
}

}  // namespace

void convert(const Context& /*context*/, ConstTensorView x, TensorView y) {
  with_type(x.dtype(), [&]<typename From>(From) {
    with_type(y.dtype(), [&]<typename To>(To) {
      const From* in = x.data<From>();
      To* out = y.data<To>();
      parallel_pieces(x.num_elements(), kElementPiece, [=](int64_t begin, int64_t end) {
        convert_row(end - begin, in + begin, out + begin);
      });
    });
  });
}

void convert_rows(const Context& /*context*/, ConstTensorView x, int64_t x_stride,
                  TensorView y_MN) {
  const int64_t columns = y_MN.shape().last();
  with_type(x.dtype(), [&]<typename From>(From) {
    with_type(y_MN.dtype(), [&]<typename To>(To) {
      const From* in = x.data<From>();
      To* out = y_MN.data<To>();
      parallel_rows(y_MN.shape().num_rows(), columns, [=](int64_t row) {
        convert_row(columns, in + row * x_stride, out + row * columns);
      });
    });
  });
}

void add(const Context& /*context*/, ConstTensorView x, TensorView y) {
  with_type(y.dtype(), [&]<typename T>(T) {
    T* out = y.data<T>();
    map_all(
        y.num_elements(), out, [](float a, float b) { return a + b; }, out, x.data<T>());
  });
}

void scale(const Context& /*context*/, float factor, TensorView y) {
  with_type(y.dtype(), [&]<typename T>(T) {
    T* out = y.data<T>();
    map_all(
        y.num_elements(), out, [=](float v) { return v * factor; }, out);
  });
}

void column_sum(const Context& context, ConstTensorView x_TN, TensorView y_N) {
  const int64_t columns = x_TN.shape().last();
  const int64_t rows = x_TN.shape().num_rows();
  auto* partials = reinterpret_cast<float*>(context.workspace.data());
  with_type(x_TN.dtype(), [&]<typename T>(T) {
    const T* x = x_TN.data<T>();
    sum_row_chunks(rows, columns, partials, [=](int64_t row, float* sums) {
      add_to_row(
          columns, sums, [](float v) { return v; }, x + row * columns);
    });
  });
  add_row_chunks(rows, columns, 0, columns, partials, y_N.data<float>());
}

namespace {

double square_sum(ConstTensorView x) {
  constexpr int64_t kBlock = 1024;
  // Blocks are summed in rounds so that their partial sums fit the stack.
  constexpr int64_t kRoundBlocks = 2048;
  const float* values = x.data<float>();
  const int64_t size = x.num_elements();
  double sum = 0.0;
  double partial[kRoundBlocks];
  double* partials = partial;
  for (int64_t first = 0; first < size; first += kBlock * kRoundBlocks) {
    const int64_t last = std::min(size, first + kBlock * kRoundBlocks);
    const int64_t blocks = (last - first + kBlock - 1) / kBlock;
    parallel_pieces(blocks, 16, [=](int64_t begin, int64_t end) {
      for (int64_t block = begin; block < end; ++block) {
        const float* __restrict in = values + first + block * kBlock;
        const int64_t count = std::min(kBlock, last - first - block * kBlock);
        partials[block] = lane_sum<double>(count, [=](int64_t i) {
          const double value = in[i];
          return value * value;
        });
      }
    });
    for (int64_t block = 0; block < blocks; ++block) sum += partial[block];
  }
  return sum;
}

int64_t zeros_of(ConstTensorView x) {
  const float* values = x.data<float>();
  std::atomic<int64_t> zeros{0};  // integers: the order of additions does not matter
  parallel_pieces(x.num_elements(), kElementPiece, [=, &zeros](int64_t begin, int64_t end) {
    int64_t count = 0;
    for (int64_t i = begin; i < end; ++i) count += values[i] == 0.0F ? 1 : 0;
    zeros.fetch_add(count, std::memory_order_relaxed);
  });
  return zeros.load();
}

}  // namespace

void tensor_square_sums(const Context& /*context*/, std::span<const ConstTensorView> xs,
                        TensorView sums_N) {
  double* sums = sums_N.data<double>();
  for (size_t i = 0; i < xs.size(); ++i) sums[i] = square_sum(xs[i]);
}

void tensor_zero_counts(const Context& /*context*/, std::span<const ConstTensorView> xs,
                        TensorView counts_N) {
  int64_t* counts = counts_N.data<int64_t>();
  for (size_t i = 0; i < xs.size(); ++i) counts[i] = zeros_of(xs[i]);
}

void gate_gradients(const Context& /*context*/, ConstTensorView sums_N, double loss_scale,
                    double clip_grad, GradientGate* gate) {
  *gate = gradient_gate(sums_N.data<double>(), sums_N.num_elements(), loss_scale, clip_grad);
}

void masked_sum(const Context& /*context*/, ConstTensorView x_T, ConstTensorView mask_T,
                TensorView sum) {
  const float* x = x_T.data<float>();
  const float* mask = mask_T.data<float>();
  double total = 0.0;
  for (int64_t t = 0; t < x_T.num_elements(); ++t) {
    if (mask[t] != 0.0F) total += static_cast<double>(x[t]) * static_cast<double>(mask[t]);
  }
  *sum.data<double>() += total;
}

bool all_finite(const Context& /*context*/, ConstTensorView x) {
  std::atomic<bool> finite{true};
  with_type(x.dtype(), [&]<typename T>(T) {
    const T* values = x.data<T>();
    parallel_pieces(x.num_elements(), kElementPiece, [=, &finite](int64_t begin, int64_t end) {
      const auto exponent = exponent_of(T{});
      auto found = exponent;  // of the element's width, so that the loop vectorises well
      found = 0;
      for (int64_t i = begin; i < end; ++i) {
        if ((bits_of(values[i]) & exponent) == exponent) found = exponent;
      }
      if (found != 0) finite.store(false, std::memory_order_relaxed);
    });
  });
  return finite.load();
}

void fill_normal(const Context& /*context*/, philox::Key key, uint64_t first_element, float mean,
                 float deviation, TensorView x) {
  const double centre = mean;
  const double width = deviation;
  float* values = x.data<float>();
  parallel_pieces(x.num_elements(), kElementPiece, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const uint64_t element = first_element + static_cast<uint64_t>(i);
      const philox::Block block = philox::generate(key, philox::counter(element / 2, 0));
      const uint32_t* words = block.word + 2 * (element % 2);
      values[i] = static_cast<float>(centre + width * box_muller(words[0], words[1]));
    }
  });
}

void fill_uniform(const Context& /*context*/, philox::Key key, uint64_t first_element, float centre,
                  float bound, TensorView x) {
  const double middle = centre;
  const double width = bound;
  float* values = x.data<float>();
  parallel_pieces(x.num_elements(), kElementPiece, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const uint64_t element = first_element + static_cast<uint64_t>(i);
      const philox::Block block = philox::generate(key, philox::counter(element / 4, 0));
      const double unit = philox::open_unit(block.word[element % 4]);
      values[i] = static_cast<float>(middle + width * (2.0 * unit - 1.0));
    }
  });
}

namespace {

/// Calls update(begin, end) for pieces of [0, size) and, while their new parameters are in the
/// cache, rounds these into `low` if it is not empty.
template <typename Update>
void update_pieces(int64_t size, const float* params, TensorView low, const Update& update) {
  constexpr int64_t kPiece = 2048;
  const auto run = [=](const auto& write_low) {
    parallel_pieces(size, kPiece, [=](int64_t begin, int64_t end) {
      update(begin, end);
      write_low(begin, end);
    });
  };
  if (low.empty()) return run([](int64_t, int64_t) {});
  with_type(low.dtype(), [&]<typename T>(T) {
    run([=, to = low.data<T>()](int64_t begin, int64_t end) {
      map_row(
          end - begin, to + begin, [](float p) { return p; }, params + begin);
    });
  });
}

}  // namespace

void adamw(const Context& /*context*/, const AdamWStep& step, GradScale scale, ConstTensorView grad,
           TensorView param, TensorView exp_avg, TensorView exp_avg_sq, TensorView low) {
  if (scale.leaves_all()) return;
  const float grad_scale = scale.value();
  const float* gradients = grad.data<float>();
  float* params = param.data<float>();
  float* averages = exp_avg.data<float>();
  float* squares = exp_avg_sq.data<float>();
  update_pieces(param.num_elements(), params, low, [=](int64_t begin, int64_t end) {
    const AdamWStep constants = step;
    const float* __restrict g = gradients;
    float* __restrict p = params;
    float* __restrict m = averages;
    float* __restrict v = squares;
    for (int64_t i = begin; i < end; ++i) {
      const AdamWElement after = adamw_element(constants, g[i] * grad_scale, {p[i], m[i], v[i]});
      p[i] = after.param;
      m[i] = after.exp_avg;
      v[i] = after.exp_avg_sq;
    }
  });
}

void sgd(const Context& /*context*/, float learning_rate, float momentum, float weight_decay,
         bool first, GradScale scale, ConstTensorView grad, TensorView param, TensorView buffer,
         TensorView low) {
  if (scale.leaves_all()) return;
  const float grad_scale = scale.value();
  const float* gradients = grad.data<float>();
  float* params = param.data<float>();
  float* buffers = momentum == 0.0F ? nullptr : buffer.data<float>();
  const float keep = first ? 0.0F : momentum;
  update_pieces(param.num_elements(), params, low, [=](int64_t begin, int64_t end) {
    const auto gradient = [=](int64_t i) {
      return gradients[i] * grad_scale + weight_decay * params[i];
    };
    if (buffers == nullptr) {
#pragma GCC ivdep
      for (int64_t i = begin; i < end; ++i) params[i] -= learning_rate * gradient(i);
      return;
    }
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) {
      const float g = gradient(i);
      buffers[i] = first ? g : keep * buffers[i] + g;
      params[i] -= learning_rate * buffers[i];
    }
  });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
