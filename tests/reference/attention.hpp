#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

// Causal grouped-query attention in fp64, one query at a time, written for reading
// (reference/megatron.md 4.1 and 4.3).

namespace weft::reference {

struct AttentionSizes {
  int64_t sequence;
  int64_t microbatch;
  int64_t heads;
  int64_t groups;
  int64_t head_dim;
  std::vector<int64_t> starts = {};  ///< [B, S] first key that a query sees; empty: 0

  int64_t start(int64_t b, int64_t query) const {
    return starts.empty() ? 0 : starts[static_cast<size_t>(b * sequence + query)];
  }
  int64_t qkv_width() const { return (heads + 2 * groups) * head_dim; }
  int64_t group_width() const { return (heads / groups + 2) * head_dim; }
  size_t at_qkv(int64_t s, int64_t b, int64_t feature) const {
    return static_cast<size_t>((s * microbatch + b) * qkv_width() + feature);
  }
  size_t at_q(int64_t s, int64_t b, int64_t head, int64_t d) const {
    const int64_t per_group = heads / groups;
    return at_qkv(s, b, head / per_group * group_width() + head % per_group * head_dim + d);
  }
  size_t at_k(int64_t s, int64_t b, int64_t head, int64_t d) const {
    const int64_t per_group = heads / groups;
    return at_qkv(s, b, head / per_group * group_width() + per_group * head_dim + d);
  }
  size_t at_v(int64_t s, int64_t b, int64_t head, int64_t d) const {
    return at_k(s, b, head, d) + static_cast<size_t>(head_dim);
  }
  size_t at_out(int64_t s, int64_t b, int64_t head, int64_t d) const {
    return static_cast<size_t>(((s * microbatch + b) * heads + head) * head_dim + d);
  }
  size_t at_lse(int64_t s, int64_t b, int64_t head) const {
    return static_cast<size_t>((b * heads + head) * sequence + s);
  }
};

/// Factor (0 or 1 / (1 - rate)) of the probability of (sample row, head, query, key).
using AttentionMask = std::function<double(int64_t b, int64_t head, int64_t query, int64_t key)>;

inline double keep_all(int64_t, int64_t, int64_t, int64_t) { return 1.0; }

/// Probabilities of one query over the keys 0 .. query, 0 before its first, and their log-sum-exp.
struct Probabilities {
  std::vector<double> p;
  double lse;
};

inline Probabilities probabilities(const AttentionSizes& size, const std::vector<double>& qkv,
                                   int64_t b, int64_t head, int64_t query) {
  std::vector<double> scores;
  double largest = -std::numeric_limits<double>::infinity();
  for (int64_t key = 0; key <= query; ++key) {
    double score = 0.0;
    for (int64_t d = 0; d < size.head_dim; ++d) {
      score += qkv[size.at_q(query, b, head, d)] * qkv[size.at_k(key, b, head, d)];
    }
    const bool counts = key >= size.start(b, query);
    scores.push_back(counts ? score / std::sqrt(static_cast<double>(size.head_dim))
                            : -std::numeric_limits<double>::infinity());
    largest = std::max(largest, scores.back());
  }
  double sum = 0.0;
  for (double& score : scores) {
    score = std::exp(score - largest);
    sum += score;
  }
  for (double& score : scores) score /= sum;
  return {scores, largest + std::log(sum)};
}

struct AttentionOutput {
  std::vector<double> out;
  std::vector<double> lse;
};

inline AttentionOutput attention_forward(const AttentionSizes& size, const std::vector<double>& qkv,
                                         const AttentionMask& mask) {
  const auto tokens = static_cast<size_t>(size.sequence * size.microbatch * size.heads);
  AttentionOutput result{std::vector<double>(tokens * static_cast<size_t>(size.head_dim)),
                         std::vector<double>(tokens)};
  for (int64_t b = 0; b < size.microbatch; ++b) {
    for (int64_t head = 0; head < size.heads; ++head) {
      for (int64_t query = 0; query < size.sequence; ++query) {
        const Probabilities row = probabilities(size, qkv, b, head, query);
        result.lse[size.at_lse(query, b, head)] = row.lse;
        for (int64_t key = 0; key <= query; ++key) {
          const double p = row.p[static_cast<size_t>(key)] * mask(b, head, query, key);
          for (int64_t d = 0; d < size.head_dim; ++d) {
            result.out[size.at_out(query, b, head, d)] += p * qkv[size.at_v(key, b, head, d)];
          }
        }
      }
    }
  }
  return result;
}

/// Gradient of qkv from the gradient of the output: the softmax Jacobian written out.
inline std::vector<double> attention_backward(const AttentionSizes& size,
                                              const std::vector<double>& dout,
                                              const std::vector<double>& qkv,
                                              const AttentionMask& mask) {
  std::vector<double> dqkv(qkv.size());
  const double scale = 1.0 / std::sqrt(static_cast<double>(size.head_dim));
  for (int64_t b = 0; b < size.microbatch; ++b) {
    for (int64_t head = 0; head < size.heads; ++head) {
      for (int64_t query = 0; query < size.sequence; ++query) {
        const Probabilities row = probabilities(size, qkv, b, head, query);
        std::vector<double> dp(row.p.size());
        double mean_dp = 0.0;
        for (int64_t key = 0; key <= query; ++key) {
          const auto k = static_cast<size_t>(key);
          const double factor = mask(b, head, query, key);
          for (int64_t d = 0; d < size.head_dim; ++d) {
            const double upstream = dout[size.at_out(query, b, head, d)];
            dp[k] += factor * upstream * qkv[size.at_v(key, b, head, d)];
            dqkv[size.at_v(key, b, head, d)] += row.p[k] * factor * upstream;
          }
          mean_dp += row.p[k] * dp[k];
        }
        for (int64_t key = 0; key <= query; ++key) {
          const auto k = static_cast<size_t>(key);
          const double dscore = row.p[k] * (dp[k] - mean_dp) * scale;
          for (int64_t d = 0; d < size.head_dim; ++d) {
            dqkv[size.at_q(query, b, head, d)] += dscore * qkv[size.at_k(key, b, head, d)];
            dqkv[size.at_k(key, b, head, d)] += dscore * qkv[size.at_q(query, b, head, d)];
          }
        }
      }
    }
  }
  return dqkv;
}

}  // namespace weft::reference
