#include "weft/kernels/elementwise.hpp"

#include <atomic>
#include <cmath>
#include <cstring>

#include "weft/kernels/checks.hpp"
#include "weft/kernels/lanes.hpp"
#include "weft/kernels/optimizer_math.hpp"
#include "weft/kernels/parallel.hpp"
#include "weft/kernels/row_chunks.hpp"

namespace weft::kernels {

void fill_zero(const Context& /*context*/, TensorView y) {
  auto* bytes = static_cast<std::byte*>(y.raw());
  const auto size = static_cast<int64_t>(y.size_bytes());
  parallel_pieces(size, kElementPiece * 4, [=](int64_t begin, int64_t end) {
    std::memset(bytes + begin, 0, static_cast<size_t>(end - begin));
  });
}

void add(const Context& /*context*/, ConstTensorView x, TensorView y) {
  check_size("x", x, y.num_elements());
  const float* __restrict in = x.data<float>();
  float* __restrict out = y.data<float>();
  parallel_pieces(y.num_elements(), kElementPiece, [=](int64_t begin, int64_t end) {
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) out[i] += in[i];
  });
}

void scale(const Context& /*context*/, float factor, TensorView y) {
  float* out = y.data<float>();
  parallel_pieces(y.num_elements(), kElementPiece, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) out[i] *= factor;
  });
}

size_t column_sum_workspace(int64_t rows, int64_t columns) {
  return row_chunk_bytes(rows, columns);
}

void column_sum(const Context& context, ConstTensorView x_TN, TensorView y_N) {
  const int64_t columns = x_TN.shape().last();
  const int64_t rows = x_TN.shape().num_rows();
  check_size("y_N", y_N, columns);
  check_workspace("column_sum", context, column_sum_workspace(rows, columns));
  const float* x = x_TN.data<float>();
  auto* partials = reinterpret_cast<float*>(context.workspace.data());
  sum_row_chunks(rows, columns, partials, [=](int64_t row, float* sums) {
    const float* __restrict in = x + row * columns;
    float* __restrict out = sums;
    for (int64_t i = 0; i < columns; ++i) out[i] += in[i];
  });
  add_row_chunks(rows, columns, 0, columns, partials, y_N.data<float>());
}

double sum_of_squares(const Context& /*context*/, ConstTensorView x) {
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

int64_t count_zeros(const Context& /*context*/, ConstTensorView x) {
  const float* values = x.data<float>();
  std::atomic<int64_t> zeros{0};  // integers: the order of additions does not matter
  parallel_pieces(x.num_elements(), kElementPiece, [=, &zeros](int64_t begin, int64_t end) {
    int64_t count = 0;
    for (int64_t i = begin; i < end; ++i) count += values[i] == 0.0F ? 1 : 0;
    zeros.fetch_add(count, std::memory_order_relaxed);
  });
  return zeros.load();
}

bool all_finite(const Context& /*context*/, ConstTensorView x) {
  const float* values = x.data<float>();
  std::atomic<bool> finite{true};
  parallel_pieces(x.num_elements(), kElementPiece, [=, &finite](int64_t begin, int64_t end) {
    constexpr uint32_t kExponent = 0x7F800000u;
    uint32_t found = 0;
    for (int64_t i = begin; i < end; ++i) {
      found |= (math::bits_of(values[i]) & kExponent) == kExponent ? 1u : 0u;
    }
    if (found != 0) finite.store(false, std::memory_order_relaxed);
  });
  return finite.load();
}

void fill_normal(const Context& /*context*/, philox::Key key, uint64_t first_element, float mean,
                 float deviation, TensorView x) {
  float* values = x.data<float>();
  const double centre = mean;
  const double width = deviation;
  parallel_pieces(x.num_elements(), kElementPiece, [=](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const uint64_t element = first_element + static_cast<uint64_t>(i);
      const philox::Block block = philox::generate(key, philox::counter(element / 2, 0));
      const uint32_t* words = block.word + 2 * (element % 2);
      values[i] = static_cast<float>(centre + width * box_muller(words[0], words[1]));
    }
  });
}

void adamw(const Context& /*context*/, const AdamWStep& step, float grad_scale,
           ConstTensorView grad, TensorView param, TensorView exp_avg, TensorView exp_avg_sq) {
  const int64_t size = param.num_elements();
  check_size("grad", grad, size);
  check_size("exp_avg", exp_avg, size);
  check_size("exp_avg_sq", exp_avg_sq, size);
  const float* gradients = grad.data<float>();
  float* params = param.data<float>();
  float* averages = exp_avg.data<float>();
  float* squares = exp_avg_sq.data<float>();
  parallel_pieces(size, kElementPiece, [=](int64_t begin, int64_t end) {
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
         bool first, float grad_scale, ConstTensorView grad, TensorView param, TensorView buffer) {
  const int64_t size = param.num_elements();
  check_size("grad", grad, size);
  const float* gradients = grad.data<float>();
  float* params = param.data<float>();
  if (momentum == 0.0F) {
    parallel_pieces(size, kElementPiece, [=](int64_t begin, int64_t end) {
#pragma GCC ivdep
      for (int64_t i = begin; i < end; ++i) {
        params[i] -= learning_rate * (gradients[i] * grad_scale + weight_decay * params[i]);
      }
    });
    return;
  }
  check_size("buffer", buffer, size);
  float* buffers = buffer.data<float>();
  const float keep = first ? 0.0F : momentum;
  parallel_pieces(size, kElementPiece, [=](int64_t begin, int64_t end) {
#pragma GCC ivdep
    for (int64_t i = begin; i < end; ++i) {
      const float g = gradients[i] * grad_scale + weight_decay * params[i];
      buffers[i] = first ? g : keep * buffers[i] + g;
      params[i] -= learning_rate * buffers[i];
    }
  });
}

}  // namespace weft::kernels
