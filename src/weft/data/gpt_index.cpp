#include "weft/data/gpt_index.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "weft/base/error.hpp"
#include "weft/base/mt19937.hpp"

namespace weft::data {

namespace {

/// Share of an epoch's samples below which the last epoch is shuffled apart.
constexpr double kSeparateBelow = 0.80;

/// Tokens of each sequence of a split, by id.
class SequenceLengths {
 public:
  explicit SequenceLengths(const GptIndexRequest& request) {
    const auto [least, most] = std::ranges::minmax(request.sequence_ids);
    first_ = least;
    lengths_.assign(static_cast<size_t>(int64_t{most} - least) + 1, kNone);
    for (size_t i = 0; i < request.sequence_ids.size(); ++i) {
      lengths_[slot(request.sequence_ids[i])] = request.lengths[i];
    }
  }

  bool contains(int32_t id) const {
    return id >= first_ && slot(id) < lengths_.size() && lengths_[slot(id)] != kNone;
  }
  int64_t operator[](int32_t id) const { return lengths_[slot(id)]; }
  /// Place of `id` in an array of `num_slots` entries.
  size_t slot(int32_t id) const { return static_cast<size_t>(int64_t{id} - first_); }
  size_t num_slots() const { return lengths_.size(); }

 private:
  static constexpr int32_t kNone = -1;

  int32_t first_ = 0;
  std::vector<int32_t> lengths_;
};

int64_t num_samples_in(const GptIndexRequest& request, int64_t num_tokens) {
  const int64_t usable = num_tokens - request.extra_token;
  if (request.drop_last_partial) return usable / request.sequence_length;
  // Megatron divides in single precision here.
  return static_cast<int64_t>(
      std::ceil(static_cast<float>(usable) / static_cast<float>(request.sequence_length)));
}

std::vector<int32_t> visit_sequences(const GptIndexRequest& request, const EpochPlan& plan,
                                     Mt19937& random) {
  std::vector<int32_t> visits;
  visits.reserve(request.sequence_ids.size() * static_cast<size_t>(plan.num_epochs));
  const auto add_epochs = [&](int64_t epochs) {
    const size_t begin = visits.size();
    for (int64_t epoch = 0; epoch < epochs; ++epoch) {
      visits.insert(visits.end(), request.sequence_ids.begin(), request.sequence_ids.end());
    }
    random.shuffle(std::span(visits).subspan(begin));
  };
  if (plan.separate_last_epoch) {
    add_epochs(plan.num_epochs - 1);
    add_epochs(1);
  } else {
    add_epochs(plan.num_epochs);
  }
  return visits;
}

std::vector<SampleStart> cut_samples(const GptIndexRequest& request, int64_t num_samples,
                                     std::span<const int32_t> visits) {
  const SequenceLengths lengths(request);
  std::vector<SampleStart> starts;
  starts.reserve(static_cast<size_t>(num_samples) + 1);
  size_t position = 0;
  int64_t offset = 0;
  starts.push_back({0, 0});
  for (int64_t sample = 0; sample < num_samples; ++sample) {
    int64_t remaining = request.sequence_length + request.extra_token;
    while (remaining > 0) {
      const int64_t left = lengths[visits[position]] - offset;
      remaining -= left;
      if (remaining <= 0) {
        offset += remaining + left - request.extra_token;
      } else if (position + 1 == visits.size()) {
        offset = lengths[visits[position]] - request.extra_token;
        break;
      } else {
        ++position;
        offset = 0;
      }
    }
    starts.push_back({static_cast<int32_t>(position), static_cast<int32_t>(offset)});
  }
  return starts;
}

std::vector<uint32_t> shuffle_samples(int64_t num_samples, const EpochPlan& plan, Mt19937& random) {
  std::vector<uint32_t> order(static_cast<size_t>(num_samples));
  std::iota(order.begin(), order.end(), 0U);
  const int64_t first = plan.separate_last_epoch ? plan.samples_before_last_epoch : num_samples;
  const auto whole = std::span(order);
  random.shuffle(whole.first(static_cast<size_t>(first)));
  random.shuffle(whole.subspan(static_cast<size_t>(first)));
  return order;
}

}  // namespace

EpochPlan plan_epochs(int64_t tokens_per_epoch, std::optional<int64_t> num_samples,
                      int64_t sequence_length, int64_t extra_token) {
  EpochPlan plan{.tokens_per_epoch = tokens_per_epoch};
  if (!num_samples) return plan;
  const int64_t tokens_wanted = *num_samples * sequence_length + extra_token;
  if (tokens_wanted > tokens_per_epoch) {
    plan.num_epochs = (tokens_wanted + tokens_per_epoch - 1) / tokens_per_epoch;
  }
  if (plan.num_epochs == 1) return plan;
  const int64_t tokens_before = (plan.num_epochs - 1) * tokens_per_epoch;
  const int64_t per_epoch = (tokens_per_epoch - extra_token) / sequence_length;
  plan.samples_before_last_epoch = (tokens_before - extra_token) / sequence_length;
  const int64_t from_last = *num_samples - plan.samples_before_last_epoch;
  check(from_last >= 0 && from_last <= per_epoch + 1, ErrorKind::internal,
        "the last of {} epochs would give {} samples, it has {}", plan.num_epochs, from_last,
        per_epoch);
  plan.separate_last_epoch =
      from_last < static_cast<int64_t>(kSeparateBelow * static_cast<double>(per_epoch));
  return plan;
}

GptIndexPlan plan_gpt_index(const GptIndexRequest& request) {
  const int64_t tokens =
      std::accumulate(request.lengths.begin(), request.lengths.end(), int64_t{0});
  if (tokens < 1 + request.extra_token) {
    fail_with_hint(ErrorKind::data, "--split or more data",
                   "a split has {} sequences with {} tokens in all, too few for one sample",
                   request.sequence_ids.size(), tokens);
  }
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  check(request.num_samples.value_or(0) <= kMost && request.sequence_length >= 1 &&
            request.sequence_length <= kMost,
        ErrorKind::data, "{} samples of {} tokens were asked for (expected 1 to {} of each)",
        request.num_samples.value_or(0), request.sequence_length, kMost);
  const EpochPlan plan =
      plan_epochs(tokens, request.num_samples, request.sequence_length, request.extra_token);
  // In fp64, which cannot overflow.
  const double num_visits =
      static_cast<double>(plan.num_epochs) * static_cast<double>(request.sequence_ids.size());
  const int64_t num_samples = num_samples_in(request, plan.num_epochs * tokens);
  if (num_visits > static_cast<double>(kMost) || num_samples > kMost) {
    fail_with_hint(ErrorKind::data, "fewer --train-iters or longer sequences in the data",
                   "{:.0f} visits of sequences and {} samples are more than 32-bit indices count",
                   num_visits, num_samples);
  }
  if (num_samples < 1) {
    fail_with_hint(ErrorKind::data, "a smaller --seq-length, --split or more data",
                   "a split has {} tokens, too few for one sample of {}", tokens,
                   request.sequence_length + request.extra_token);
  }
  return {
      .epochs = plan, .num_visits = static_cast<int64_t>(num_visits), .num_samples = num_samples};
}

GptIndex build_gpt_index(const GptIndexRequest& request) {
  const GptIndexPlan plan = plan_gpt_index(request);
  Mt19937 random(request.seed);
  GptIndex index;
  index.document_index = visit_sequences(request, plan.epochs, random);
  index.sample_index = cut_samples(request, plan.num_samples, index.document_index);
  index.shuffle_index = shuffle_samples(plan.num_samples, plan.epochs, random);
  return index;
}

void check_gpt_index(const GptIndexRequest& request, std::span<const int32_t> document_index,
                     std::span<const SampleStart> sample_index,
                     std::span<const uint32_t> shuffle_index) {
  const GptIndexPlan plan = plan_gpt_index(request);
  const auto num_samples = static_cast<size_t>(plan.num_samples);
  check(document_index.size() == static_cast<size_t>(plan.num_visits) &&
            sample_index.size() == num_samples + 1 && shuffle_index.size() == num_samples,
        ErrorKind::data, "{} visits, {} cuts and {} samples, the data gives {}, {} and {}",
        document_index.size(), sample_index.size(), shuffle_index.size(), plan.num_visits,
        num_samples + 1, num_samples);
  const SequenceLengths lengths(request);
  std::vector<int64_t> visits(lengths.num_slots(), 0);
  for (const int32_t id : document_index) {
    check(lengths.contains(id), ErrorKind::data, "sequence {} is not in the split", id);
    check(++visits[lengths.slot(id)] <= plan.epochs.num_epochs, ErrorKind::data,
          "sequence {} is visited more than {} times", id, plan.epochs.num_epochs);
  }
  const std::vector<SampleStart> cuts = cut_samples(request, plan.num_samples, document_index);
  for (size_t row = 0; row < cuts.size(); ++row) {
    check(sample_index[row] == cuts[row], ErrorKind::data,
          "sample row {} starts at entry {}, token {} (expected {}, {})", row, sample_index[row][0],
          sample_index[row][1], cuts[row][0], cuts[row][1]);
  }
  std::vector<bool> shuffled(num_samples, false);
  for (const uint32_t row : shuffle_index) {
    check(row < num_samples && !shuffled[row], ErrorKind::data,
          "sample row {} is shuffled twice or does not exist", row);
    shuffled[row] = true;
  }
}

}  // namespace weft::data
