#include "weft/model/rotary_embedding.hpp"

#include <cmath>
#include <vector>

namespace weft::model {

namespace {

std::vector<double> frequencies_of(const ModelConfig& config) {
  if (config.position_embedding != PositionEmbedding::rope) return {};
  return config.rotary.frequencies(config.kv_channels);
}

}  // namespace

RotaryEmbedding::RotaryEmbedding(const Stream& stream, const ModelConfig& config, int64_t positions,
                                 MemoryResource& memory)
    : layout_(config.head_layout()), pairs_(config.rotary.pairs) {
  const std::vector<double> frequencies = frequencies_of(config);
  frequencies_ = static_cast<int64_t>(frequencies.size());
  if (frequencies_ == 0) return;
  cos_PF_ = Tensor({positions, frequencies_}, DType::f32, memory);
  sin_PF_ = Tensor({positions, frequencies_}, DType::f32, memory);
  std::vector<float> cosines;
  std::vector<float> sines;
  for (int64_t position = 0; position < positions; ++position) {
    const double scaled = static_cast<double>(position) / config.rotary.interpolation_factor;
    for (const double frequency : frequencies) {
      cosines.push_back(static_cast<float>(std::cos(scaled * frequency)));
      sines.push_back(static_cast<float>(std::sin(scaled * frequency)));
    }
  }
  stream.upload(cosines.data(), cos_PF_.view().raw(), cos_PF_.view().size_bytes());
  stream.upload(sines.data(), sin_PF_.view().raw(), sin_PF_.view().size_bytes());
}

size_t RotaryEmbedding::size_bytes(const ModelConfig& config, int64_t positions) {
  const size_t table = static_cast<size_t>(positions) * frequencies_of(config).size();
  return 2 * aligned_size(table * sizeof(float));
}

ConstTensorView RotaryEmbedding::rows(const Tensor& table_PF, int64_t first, int64_t count) const {
  return {table_PF.view().data<float>() + first * frequencies_, DType::f32, {count, frequencies_}};
}

void RotaryEmbedding::forward(const kernels::Context& context, int64_t past,
                              TensorView qkv_SBQ) const {
  if (frequencies_ == 0) return;
  const int64_t count = qkv_SBQ.shape()[0];
  kernels::rotary_forward(context, layout_, pairs_, rows(cos_PF_, past, count),
                          rows(sin_PF_, past, count), qkv_SBQ);
}

void RotaryEmbedding::backward(const kernels::Context& context, TensorView dqkv_SBQ) const {
  if (frequencies_ == 0) return;
  const int64_t count = dqkv_SBQ.shape()[0];
  kernels::rotary_backward(context, layout_, pairs_, rows(cos_PF_, 0, count),
                           rows(sin_PF_, 0, count), dqkv_SBQ);
}

}  // namespace weft::model
