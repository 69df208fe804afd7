// Compiled, never run: the functor headers of the kernels are also device code.
#include "weft/kernels/activation_math.hpp"
#include "weft/kernels/adamw_step.hpp"
#include "weft/kernels/attention_math.hpp"
#include "weft/kernels/cross_entropy_math.hpp"
#include "weft/kernels/dropout_math.hpp"
#include "weft/kernels/layer_norm_math.hpp"
#include "weft/kernels/optimizer_math.hpp"
#include "weft/kernels/rms_norm_math.hpp"
#include "weft/kernels/rotary_math.hpp"

namespace weft::kernels {

__global__ void every_functor(const float* x, float* y, philox::Key key, AdamWStep step) {
  const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  const LayerNormRow row{x[0], reciprocal_deviation(x[1], 1e-5F)};
  const CrossEntropyRow entropy{x[2], x[3]};
  OnlineSoftmax softmax{x[4], x[5]};
  const uint32_t word = dropout_word(key, 7, i);
  float sum = GeluTanh::forward(x[i]) + GeluTanh::derivative(x[i]);
  sum += GeluErf::forward(x[i]) + GeluErf::derivative(x[i]);
  sum += SquaredRelu::forward(x[i]) + SquaredRelu::derivative(x[i]);
  sum += SwiGlu::forward(x[i], x[1]) + SwiGlu::gate_derivative(x[i], x[1]);
  sum += SwiGlu::up_derivative(x[i]);
  const RmsNormRow rms{x[1]};
  sum += rms.output(x[i], x[6]) + rms.input_gradient(x[i], x[8], x[9]);
  sum += RotaryPair{x[i], x[1]}.turned(x[2], x[3]).first;
  sum += row.output(x[i], x[6], x[7]) + row.input_gradient(x[i], x[8], x[9], x[10]);
  sum += entropy.gradient(x[i]) + cross_entropy_of(x[11], x[12]);
  sum += softmax.advance(x[i]) + softmax.log_sum() + score_gradient(x[0], x[1], x[2], x[3]);
  sum += dropout_factor(word, 1u << 30, 2.0F);
  sum += adamw_element(step, x[i], {x[13], x[14], x[15]}).param;
  sum += static_cast<float>(box_muller(word, word ^ 1u));
  y[i] = sum;
}

}  // namespace weft::kernels
