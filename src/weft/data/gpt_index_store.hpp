#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <variant>

#include "weft/base/logger.hpp"
#include "weft/data/gpt_index.hpp"
#include "weft/data/npy_file.hpp"

namespace weft::data {

/// The index arrays of a dataset, in memory or mapped from a cache.
class GptIndexStore {
 public:
  explicit GptIndexStore(GptIndex index);

  std::span<const int32_t> document_index() const { return document_index_; }
  std::span<const SampleStart> sample_index() const { return sample_index_; }
  std::span<const uint32_t> shuffle_index() const { return shuffle_index_; }

  /// Maps `directory`/`stem`-{document,sample,shuffle}_index.npy. Throws Error{data} when a file is
  /// missing or damaged.
  static GptIndexStore open(const std::filesystem::path& directory, const std::string& stem);

 private:
  GptIndexStore() = default;

  std::shared_ptr<const GptIndex> memory_;
  std::shared_ptr<const NpyFile> files_[3];
  std::span<const int32_t> document_index_;
  std::span<const SampleStart> sample_index_;
  std::span<const uint32_t> shuffle_index_;
};

/// Where an index is kept between runs and under which name (reference/megatron.md 3.6).
struct IndexCache {
  std::filesystem::path directory;
  std::string description;  ///< JSON text that the file names are a digest of
  std::string split;        ///< "train", "valid", "test"

  /// "<md5 of the description>-GPTDataset-<split>"
  std::string stem() const;
};

/// The index of `request` from the cache, or built and then cached. A damaged cache is built again
/// with a warning. Throws Error{data} naming --data-cache-path when the cache cannot be written.
GptIndexStore load_or_build_index(const GptIndexRequest& request, const IndexCache& cache,
                                  Logger& logger);

}  // namespace weft::data
