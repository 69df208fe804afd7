#include "weft/model/sampling.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "weft/base/philox.hpp"

namespace weft::model {

std::vector<std::string> SamplingConfig::validate() const {
  std::vector<std::string> errors;
  if (!(temperature >= 0.0 && std::isfinite(temperature))) {
    errors.push_back(fmt::format("--temperature must be 0 or more (got {})", temperature));
  }
  if (top_k < 0) errors.push_back(fmt::format("--top-k must be 0 or more (got {})", top_k));
  if (!(top_p > 0.0 && top_p <= 1.0)) {
    errors.push_back(fmt::format("--top-p must be in (0, 1] (got {})", top_p));
  }
  return errors;
}

int32_t sample_token(std::span<const float> logits, int64_t vocab_size,
                     const SamplingConfig& config, int64_t position) {
  const auto size = std::min(logits.size(), static_cast<size_t>(vocab_size));
  std::vector<int32_t> order(size);
  std::iota(order.begin(), order.end(), 0);
  const auto more_likely = [&logits](int32_t a, int32_t b) {
    const float la = logits[static_cast<size_t>(a)];
    const float lb = logits[static_cast<size_t>(b)];
    return la > lb || (la == lb && a < b);
  };
  if (config.temperature == 0.0) return *std::ranges::min_element(order, more_likely);

  size_t kept = size;
  if (config.top_k > 0) kept = std::min(kept, static_cast<size_t>(config.top_k));
  std::partial_sort(order.begin(), order.begin() + static_cast<ptrdiff_t>(kept), order.end(),
                    more_likely);
  std::vector<double> weight(kept);
  const double largest = static_cast<double>(logits[static_cast<size_t>(order.front())]);
  double total = 0.0;
  for (size_t i = 0; i < kept; ++i) {
    const double logit = static_cast<double>(logits[static_cast<size_t>(order[i])]);
    weight[i] = std::exp((logit - largest) / config.temperature);
    total += weight[i];
  }
  double sum = 0.0;  // of the tokens that top_p keeps: at least one
  size_t count = 0;
  while (count < kept && (count == 0 || sum < config.top_p * total)) sum += weight[count++];

  const philox::Key key = philox::named_key(config.seed, "generate");
  const philox::Block block =
      philox::generate(key, philox::counter(0, static_cast<uint64_t>(position)));
  double left = philox::open_unit(block.word[0]) * sum;
  for (size_t i = 0; i < count; ++i) {
    left -= weight[i];
    if (left <= 0.0) return order[i];
  }
  return order[count - 1];
}

}  // namespace weft::model
