#include <algorithm>
#include <cmath>

#include "weft/kernels/checks.hpp"
#include "weft/kernels/dropout.hpp"
#include "weft/kernels/dropout_math.hpp"
#include "weft/kernels/parallel.hpp"
#include "weft/kernels/philox_lanes.hpp"

namespace weft::kernels {

Dropout::Dropout(double rate, uint64_t seed, int64_t layer, DropoutSite site,
                 std::span<const int64_t> samples)
    : key(philox::indexed_key(seed, static_cast<uint64_t>(layer), static_cast<uint64_t>(site))),
      samples_B(samples) {
  if (!(rate >= 0.0 && rate < 1.0)) {
    fail_with_hint(ErrorKind::usage, "--hidden-dropout, --attention-dropout",
                   "dropout rate {}; expected at least 0 and below 1", rate);
  }
  threshold = static_cast<uint32_t>(std::min(std::nearbyint(rate * 0x1p32), 0x1p32 - 1.0));
  scale = active() ? static_cast<float>(1.0 / (1.0 - rate)) : 1.0F;
}

namespace {

constexpr int64_t kPieceWords = 512;

/// x * factor, and 0 for a dropped element even when x is not finite. x is an argument, so that it
/// is read in either case and the loop vectorises.
inline float masked(float x, float factor) {
  const float product = x * factor;
  return factor == 0.0F ? 0.0F : product;
}

/// Calls combine(i, factor) for the elements i in [0, H) of one row, with their dropout factors.
template <typename Combine>
void for_row(const Dropout& dropout, uint64_t sample, uint64_t first_element, int64_t hidden,
             const Combine& combine) {
  const PhiloxKeys keys(dropout.key);
  uint32_t words[kPieceWords + 32];
  float factors[kPieceWords];
  for (int64_t begin = 0; begin < hidden; begin += kPieceWords) {
    const int64_t count = std::min(kPieceWords, hidden - begin);
    const uint64_t first = first_element + static_cast<uint64_t>(begin);
    const uint64_t groups = (first % 16 + static_cast<uint64_t>(count) + 15) / 16;
    for (uint64_t group = 0; group < groups; ++group) {
      philox_words16(keys, first / 16 + group, sample, words + 16 * group);
    }
    // Factors first: in one loop with combine g++ makes branches of the two conditions.
    const uint32_t* own = words + first % 16;
    const uint32_t threshold = dropout.threshold;
    const float scale = dropout.scale;
    for (int64_t i = 0; i < count; ++i) factors[i] = dropout_factor(own[i], threshold, scale);
#pragma GCC ivdep
    for (int64_t i = 0; i < count; ++i) combine(begin + i, factors[i]);
  }
}

/// Calls row(s, b, offset) for every row of [S, B, H]; offset is the row's first element.
template <typename Row>
void for_rows(const Shape& shape, const Row& row) {
  const int64_t microbatch = shape[1];
  const int64_t hidden = shape[2];
  parallel_pieces(shape.num_rows(), rows_per_piece(hidden), [=](int64_t begin, int64_t end) {
    for (int64_t r = begin; r < end; ++r) row(r / microbatch, r % microbatch, r * hidden);
  });
}

void check_rows(const Dropout& dropout, const ConstTensorView& x_SBH) {
  check(x_SBH.shape().num_dims() == 3, ErrorKind::internal, "dropout of {}; expected [S, B, H]",
        to_string(x_SBH.shape()));
  check(!dropout.active() || dropout.samples_B.size() == static_cast<size_t>(x_SBH.shape()[1]),
        ErrorKind::internal, "dropout knows {} samples; the microbatch has {}",
        dropout.samples_B.size(), x_SBH.shape()[1]);
}

}  // namespace

void dropout_forward(const Context& /*context*/, const Dropout& dropout, ConstTensorView x_SBH,
                     TensorView y_SBH) {
  check_rows(dropout, x_SBH);
  check_tensor("y_SBH", y_SBH, x_SBH.shape());
  const float* x = x_SBH.data<float>();
  float* y = y_SBH.data<float>();
  const int64_t hidden = x_SBH.shape()[2];
  if (!dropout.active()) {
    if (x == y) return;
    parallel_pieces(x_SBH.num_elements(), kElementPiece,
                    [=](int64_t begin, int64_t end) { std::copy(x + begin, x + end, y + begin); });
    return;
  }
  for_rows(x_SBH.shape(), [=, &dropout](int64_t s, int64_t b, int64_t offset) {
    const auto sample = static_cast<uint64_t>(dropout.samples_B[static_cast<size_t>(b)]);
    const float* in = x + offset;
    float* out = y + offset;
    for_row(dropout, sample, static_cast<uint64_t>(s * hidden), hidden,
            [=](int64_t i, float factor) { out[i] = masked(in[i], factor); });
  });
}

void dropout_backward(const Context& context, const Dropout& dropout, ConstTensorView dy_SBH,
                      TensorView dx_SBH) {
  // The derivative of a multiplication by a mask is the same multiplication.
  dropout_forward(context, dropout, dy_SBH, dx_SBH);
}

void bias_dropout_add_forward(const Context& /*context*/, const Dropout& dropout,
                              ConstTensorView x_SBH, ConstTensorView bias_H,
                              ConstTensorView residual_SBH, TensorView y_SBH) {
  check_rows(dropout, x_SBH);
  check_tensor("residual_SBH", residual_SBH, x_SBH.shape());
  check_tensor("y_SBH", y_SBH, x_SBH.shape());
  const int64_t hidden = x_SBH.shape()[2];
  if (!bias_H.empty()) check_size("bias_H", bias_H, hidden);
  const float* x = x_SBH.data<float>();
  const float* bias = bias_H.empty() ? nullptr : bias_H.data<float>();
  const float* residual = residual_SBH.data<float>();
  float* y = y_SBH.data<float>();
  for_rows(x_SBH.shape(), [=, &dropout](int64_t s, int64_t b, int64_t offset) {
    const float* in = x + offset;
    const float* skip = residual + offset;
    float* out = y + offset;
    const auto write = [=](auto&& value) {
      if (!dropout.active()) {
#pragma GCC ivdep
        for (int64_t i = 0; i < hidden; ++i) out[i] = skip[i] + value(i);
        return;
      }
      const auto sample = static_cast<uint64_t>(dropout.samples_B[static_cast<size_t>(b)]);
      for_row(dropout, sample, static_cast<uint64_t>(s * hidden), hidden,
              [=](int64_t i, float factor) { out[i] = skip[i] + masked(value(i), factor); });
    };
    if (bias == nullptr) {
      write([=](int64_t i) { return in[i]; });
    } else {
      write([=](int64_t i) { return in[i] + bias[i]; });
    }
  });
}

}  // namespace weft::kernels
