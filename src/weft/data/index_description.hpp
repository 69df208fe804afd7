#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weft/data/data_config.hpp"
#include "weft/data/split.hpp"
#include "weft/tokenizer/tokenizer.hpp"

namespace weft::data {

/// The JSON text whose MD5 names a cached index, letter for letter Megatron's
/// (reference/megatron.md 3.6), so that both programs share a cache. `matrix` is empty with
/// per-split paths.
std::string index_description(const DataConfig& config, const tokenizer::TokenizerConfig& tokenizer,
                              const std::string& prefix, Split split,
                              std::optional<int64_t> num_samples, const std::string& split_text,
                              const std::optional<SplitMatrix>& matrix);

}  // namespace weft::data
