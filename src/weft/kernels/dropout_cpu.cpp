#include "weft/kernels/dropout.hpp"

#include <cstring>

#include "weft/kernels/dropout_math.hpp"
#include "weft/kernels/element_loops.hpp"
#include "weft/kernels/philox_lanes.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

constexpr int64_t kPieceWords = 512;

/// x * factor, and 0 for a dropped element even when x is not finite. x is an argument, so that it
/// is read in either case and the loop vectorises.
inline float masked(float x, float factor) {
  const float product = x * factor;
  return factor == 0.0F ? 0.0F : product;
}

/// What dropout draws from for one sample.
struct Draw {
  philox::Key key;
  uint64_t sample;
  uint32_t threshold;
  float scale;
};

/// y[i] = combine(factor of element first_element + i, x[i]...) for i in [0, size).
template <typename T, typename Combine, typename... Inputs>
void map_dropped_row(const Draw& draw, uint64_t first_element, int64_t size, T* y,
                     const Combine& combine, const Inputs*... x) {
  const PhiloxKeys keys(draw.key);
  uint32_t words[kPieceWords + 32];
  float factors[kPieceWords];
  for (int64_t begin = 0; begin < size; begin += kPieceWords) {
    const int64_t count = size - begin < kPieceWords ? size - begin : kPieceWords;
    const uint64_t first = first_element + static_cast<uint64_t>(begin);
    const uint64_t groups = (first % 16 + static_cast<uint64_t>(count) + 15) / 16;
    philox_groups(keys, first / 16, groups, draw.sample, words);
    // Factors first: in one loop with combine g++ makes branches of the two conditions.
    const uint32_t* own = words + first % 16;
    const uint32_t threshold = draw.threshold;
    const float scale = draw.scale;
    for (int64_t i = 0; i < count; ++i) factors[i] = dropout_factor(own[i], threshold, scale);
    map_row(count, y + begin, combine, static_cast<const float*>(factors), (x + begin)...);
  }
}

/// Calls row(draw, first element within the sample, offset of the row) for every row of [S, B, H].
template <typename Row>
void for_rows(const Dropout& dropout, const Shape& shape, const Row& row) {
  const int64_t microbatch = shape[1];
  const int64_t hidden = shape[2];
  const Draw common{dropout.key, 0, dropout.threshold, dropout.scale};
  const int64_t* samples = dropout.active() ? dropout.samples_B.data() : nullptr;
  parallel_rows(shape.num_rows(), hidden, [=](int64_t r) {
    Draw draw = common;
    if (samples != nullptr) draw.sample = static_cast<uint64_t>(samples[r % microbatch]);
    row(draw, static_cast<uint64_t>(r / microbatch * hidden), r * hidden);
  });
}

void copy_all(ConstTensorView x, TensorView y) {
  if (x.dtype() != y.dtype()) {
    with_type(y.dtype(), [&]<typename T>(T) {
      map_all(
          x.num_elements(), y.data<T>(), [](float v) { return v; }, x.data<float>());
    });
    return;
  }
  if (x.raw() == y.raw()) return;
  const auto* from = static_cast<const std::byte*>(x.raw());
  auto* to = static_cast<std::byte*>(y.raw());
  parallel_pieces(static_cast<int64_t>(x.size_bytes()), kElementPiece * 4,
                  [=](int64_t begin, int64_t end) {
                    std::memcpy(to + begin, from + begin, static_cast<size_t>(end - begin));
                  });
}

template <typename X, typename T>
void forward(const Dropout& dropout, ConstTensorView x_SBH, TensorView y_SBH) {
  const X* x = x_SBH.data<X>();
  T* y = y_SBH.data<T>();
  const int64_t hidden = x_SBH.shape()[2];
  for_rows(dropout, x_SBH.shape(), [=](const Draw& draw, uint64_t element, int64_t offset) {
    map_dropped_row(
        draw, element, hidden, y + offset, [](float factor, float v) { return masked(v, factor); },
        x + offset);
  });
}

template <typename X, typename T>
void bias_dropout_add(const Dropout& dropout, ConstTensorView x_SBH, ConstTensorView bias_H,
                      ConstTensorView residual_SBH, TensorView y_SBH) {
  const T* x = x_SBH.data<T>();
  const T* bias = bias_H.empty() ? nullptr : bias_H.data<T>();
  const X* residual = residual_SBH.data<X>();
  X* y = y_SBH.data<X>();
  const int64_t hidden = x_SBH.shape()[2];
  const bool active = dropout.active();
  for_rows(dropout, x_SBH.shape(), [=](const Draw& draw, uint64_t element, int64_t offset) {
    X* out = y + offset;
    const auto write = [=](const auto& value, const auto*... in) {
      if (active) {
        map_dropped_row(
            draw, element, hidden, out,
            [=](float factor, float skip, auto... v) { return skip + masked(value(v...), factor); },
            residual + offset, in...);
      } else {
        map_row(
            hidden, out, [=](float skip, auto... v) { return skip + value(v...); },
            residual + offset, in...);
      }
    };
    if (bias == nullptr) {
      write([](float v) { return v; }, x + offset);
    } else {
      write([](float v, float b) { return v + b; }, x + offset, bias);
    }
  });
}

}  // namespace

void dropout_forward(const Context& /*context*/, const Dropout& dropout, ConstTensorView x_SBH,
                     TensorView y_SBH) {
  if (!dropout.active()) return copy_all(x_SBH, y_SBH);
  with_stream_type(x_SBH.dtype(), y_SBH.dtype(),
                   [&]<typename X, typename T>(X, T) { forward<X, T>(dropout, x_SBH, y_SBH); });
}

void bias_dropout_add_forward(const Context& /*context*/, const Dropout& dropout,
                              ConstTensorView x_SBH, ConstTensorView bias_H,
                              ConstTensorView residual_SBH, TensorView y_SBH) {
  with_stream_type(residual_SBH.dtype(), x_SBH.dtype(), [&]<typename X, typename T>(X, T) {
    bias_dropout_add<X, T>(dropout, x_SBH, bias_H, residual_SBH, y_SBH);
  });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
