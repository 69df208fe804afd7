#include "weft/data/build_datasets.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weft/base/error.hpp"
#include "weft/data/blending.hpp"
#include "weft/data/gpt_dataset.hpp"
#include "weft/data/gpt_index_store.hpp"
#include "weft/data/index_description.hpp"
#include "weft/data/indexed_dataset.hpp"
#include "weft/data/mock_sequences.hpp"
#include "weft/data/split.hpp"

namespace weft::data {

namespace {

constexpr const char* kLegacySplit = "969, 30, 1";
constexpr const char* kMockSplit = "1,1,1";
constexpr double kBlendMarginPercent = 0.5;

/// Builds the data sets of one run; holds what all of them share.
class DatasetBuilder {
 public:
  DatasetBuilder(const DataConfig& config, const tokenizer::Tokenizer& tokenizer,
                 const tokenizer::TokenizerConfig& tokenizer_config, Logger& logger)
      : config_(config),
        tokenizer_config_(tokenizer_config),
        logger_(logger),
        rules_{.sequence_length = config.sequence_length,
               .reset_position_ids = config.reset_position_ids,
               .eod_mask_loss = config.eod_mask_loss,
               .eod = tokenizer.eod()} {}

  Datasets build(const SplitSizes& sizes) {
    const std::array<int64_t, 3> wanted{sizes.train, sizes.valid, sizes.test};
    Datasets datasets;
    const std::array<std::unique_ptr<Dataset>*, 3> slots{&datasets.train, &datasets.valid,
                                                         &datasets.test};
    check_sources();
    for (size_t i = 0; i < kSplits.size(); ++i) {
      if (wanted[i] > 0) *slots[i] = build_split(kSplits[i], wanted[i]);
    }
    return datasets;
  }

 private:
  const std::vector<std::string>& per_split_path(Split split) const {
    return split == Split::train   ? config_.train_data_path
           : split == Split::valid ? config_.valid_data_path
                                   : config_.test_data_path;
  }

  bool has_per_split_paths() const {
    return std::ranges::any_of(kSplits,
                               [this](Split split) { return !per_split_path(split).empty(); });
  }

  /// One source of data, and the split text and matrix that go with it.
  void check_sources() {
    constexpr int64_t kMostSeed = std::numeric_limits<uint32_t>::max();
    check(config_.seed >= 0 && config_.seed <= kMostSeed, ErrorKind::usage,
          "--seed is {} (expected 0 to {})", config_.seed, kMostSeed);
    check(config_.sequence_length >= 1, ErrorKind::usage,
          "--seq-length is {} (expected at least 1)", config_.sequence_length);
    const int sources = static_cast<int>(config_.mock_data) +
                        static_cast<int>(!config_.data_path.empty()) +
                        static_cast<int>(has_per_split_paths());
    if (sources != 1) {
      fail_with_hint(ErrorKind::usage,
                     "exactly one of --data-path, --train-data-path or --mock-data",
                     "A single data source must be provided (got {})", sources);
    }
    if (has_per_split_paths()) {
      check(config_.split.empty(), ErrorKind::usage,
            "--split {} does not go with --train-data-path, --valid-data-path or --test-data-path",
            config_.split);
      return;
    }
    split_text_ = config_.split;
    if (split_text_.empty() && config_.mock_data) split_text_ = kMockSplit;
    if (split_text_.empty()) {
      logger_.warn(
          fmt::format("Please specify --split when using --data-path. Using legacy default value "
                      "of \"{}\"",
                      kLegacySplit));
      split_text_ = kLegacySplit;
    }
    matrix_ = parse_split(split_text_);
  }

  std::unique_ptr<Dataset> build_split(Split split, int64_t size) {
    if (config_.mock_data) return build_mock(split, size);
    const std::vector<std::string>& path = matrix_ ? config_.data_path : per_split_path(split);
    if (path.empty()) return nullptr;
    const Blend blend = parse_blend(path);
    if (blend.weights.empty() && blend.prefixes.size() == 1) {
      return build_one(blend.prefixes.front(), split, size);
    }
    return blend.weights.empty() ? blend_by_size(blend, split, size)
                                 : blend_by_weight(blend, split, size);
  }

  std::unique_ptr<Dataset> blend_by_weight(const Blend& blend, Split split, int64_t size) {
    const double total = std::accumulate(blend.weights.begin(), blend.weights.end(), 0.0);
    std::vector<double> weights;
    std::vector<std::unique_ptr<Dataset>> parts;
    int64_t blended_size = 0;
    for (size_t i = 0; i < blend.prefixes.size(); ++i) {
      weights.push_back(blend.weights[i] / total);
      const int64_t samples = samples_with_margin(size, weights.back(), kBlendMarginPercent);
      parts.push_back(build_one(blend.prefixes[i], split, samples));
      if (!parts.back()) return nullptr;
      blended_size += samples_with_margin(size, weights.back(), 0.0);
    }
    return std::make_unique<BlendedDataset>(std::move(parts),
                                            build_blend_index(weights, blended_size));
  }

  std::unique_ptr<Dataset> blend_by_size(const Blend& blend, Split split, int64_t size) {
    std::vector<std::unique_ptr<Dataset>> parts;
    std::vector<double> weights;
    int64_t available = 0;
    for (const std::string& prefix : blend.prefixes) {
      parts.push_back(build_one(prefix, split, std::nullopt));
      if (!parts.back()) return nullptr;
      available += parts.back()->size();
    }
    for (const auto& part : parts) {
      weights.push_back(static_cast<double>(part->size()) / static_cast<double>(available));
    }
    return std::make_unique<BlendedDataset>(std::move(parts),
                                            build_blend_index(weights, std::min(size, available)));
  }

  std::unique_ptr<Dataset> build_one(const std::string& prefix, Split split,
                                     std::optional<int64_t> num_samples) {
    const auto source = open(prefix);
    const auto range = range_of(split, *source);
    if (!range) return nullptr;
    const IndexCache cache{
        .directory = config_.data_cache_path.empty()
                         ? std::filesystem::path(prefix) / "cache" / "GPTDataset_indices"
                         : std::filesystem::path(config_.data_cache_path),
        .description = index_description(config_, tokenizer_config_, prefix, split, num_samples,
                                         split_text_, matrix_),
        .split = name(split)};
    const Sequences sequences(*source, *range);
    return make(source,
                load_or_build_index(request(sequences, num_samples, split), cache, logger_));
  }

  std::unique_ptr<Dataset> build_mock(Split split, int64_t num_samples) {
    const auto source = std::make_shared<const MockSequences>(rules_.eod);
    const auto range = range_of(split, *source);
    if (!range) return nullptr;
    const Sequences sequences(*source, *range);
    return make(source, GptIndexStore(build_gpt_index(request(sequences, num_samples, split))));
  }

  /// Ids and lengths of a split's sequences.
  struct Sequences {
    Sequences(const SequenceSource& source, std::array<int64_t, 2> range) {
      for (int64_t id = range[0]; id < range[1]; ++id) {
        ids.push_back(static_cast<int32_t>(id));
        lengths.push_back(static_cast<int32_t>(source.length(id)));
      }
    }
    std::vector<int32_t> ids;
    std::vector<int32_t> lengths;
  };

  GptIndexRequest request(const Sequences& sequences, std::optional<int64_t> num_samples,
                          Split split) const {
    if (sequences.ids.empty()) {
      fail_with_hint(ErrorKind::data, "another --split, more data or --eval-iters 0",
                     "the {} split ({}) holds no document", name(split), split_text_);
    }
    return {.sequence_ids = sequences.ids,
            .lengths = sequences.lengths,
            .num_samples = num_samples,
            .sequence_length = config_.sequence_length,
            .seed = static_cast<uint32_t>(config_.seed)};
  }

  std::optional<std::array<int64_t, 2>> range_of(Split split, const SequenceSource& source) const {
    check(source.num_sequences() <= std::numeric_limits<int32_t>::max(), ErrorKind::data,
          "a dataset has {} sequences (at most 2147483647)", source.num_sequences());
    if (!matrix_) return sequence_range({}, source.num_sequences());
    const auto& range = (*matrix_)[static_cast<size_t>(split)];
    if (!range) return std::nullopt;
    return sequence_range(*range, source.num_sequences());
  }

  std::shared_ptr<const IndexedDataset> open(const std::string& prefix) {
    for (const auto& known : opened_) {
      if (known->prefix() == prefix) return known;
    }
    opened_.push_back(std::make_shared<const IndexedDataset>(prefix));
    return opened_.back();
  }

  std::unique_ptr<Dataset> make(std::shared_ptr<const SequenceSource> source,
                                GptIndexStore index) const {
    return std::make_unique<GptDataset>(std::move(source), std::move(index), rules_);
  }

  const DataConfig& config_;
  const tokenizer::TokenizerConfig& tokenizer_config_;
  Logger& logger_;
  SampleRules rules_;
  std::string split_text_;
  std::optional<SplitMatrix> matrix_;
  std::vector<std::shared_ptr<const IndexedDataset>> opened_;
};

}  // namespace

Datasets build_datasets(const DataConfig& config, const SplitSizes& sizes,
                        const tokenizer::Tokenizer& tokenizer,
                        const tokenizer::TokenizerConfig& tokenizer_config, Logger& logger) {
  return DatasetBuilder(config, tokenizer, tokenizer_config, logger).build(sizes);
}

}  // namespace weft::data
