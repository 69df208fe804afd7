#pragma once

#include <memory>

#include "weft/base/logger.hpp"
#include "weft/data/data_config.hpp"
#include "weft/data/dataset.hpp"
#include "weft/tokenizer/tokenizer.hpp"

namespace weft::data {

/// The three splits; an entry is null when its requested size or its share of the data is 0.
struct Datasets {
  std::unique_ptr<Dataset> train;
  std::unique_ptr<Dataset> valid;
  std::unique_ptr<Dataset> test;
};

/// Builds (or loads from the cache) the indices of all splits. Warnings go to `logger`. Throws
/// Error{data} for missing or corrupt files and Error{usage} for contradictory paths.
Datasets build_datasets(const DataConfig& config, const SplitSizes& sizes,
                        const tokenizer::Tokenizer& tokenizer,
                        const tokenizer::TokenizerConfig& tokenizer_config, Logger& logger);

}  // namespace weft::data
