#include "weft/data/gpt_index_store.hpp"

#include <md5.h>

#include <array>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"

namespace weft::data {

namespace {

namespace fs = std::filesystem;

std::string md5_hex(const std::string& text) {
  MD5_CTX context;
  MD5Init(&context);
  MD5Update(&context, reinterpret_cast<const uint8_t*>(text.data()), text.size());
  std::array<uint8_t, MD5_DIGEST_LENGTH> digest{};
  MD5Final(digest.data(), &context);
  std::string hex;
  for (const uint8_t byte : digest) hex += fmt::format("{:02x}", byte);
  return hex;
}

fs::path array_path(const fs::path& directory, const std::string& stem, const char* array) {
  return directory / fmt::format("{}-{}_index.npy", stem, array);
}

void save(const GptIndexStore& index, const IndexCache& cache) {
  const std::string stem = cache.stem();
  const auto bytes = [](auto values) { return std::as_bytes(values); };
  const auto size = [](auto values) { return static_cast<int64_t>(values.size()); };
  try {
    fs::create_directories(cache.directory);
    write_npy(array_path(cache.directory, stem, "document"), "<i4", {size(index.document_index())},
              bytes(index.document_index()));
    write_npy(array_path(cache.directory, stem, "sample"), "<i4", {size(index.sample_index()), 2},
              bytes(index.sample_index()));
    write_npy(array_path(cache.directory, stem, "shuffle"), "<u4", {size(index.shuffle_index())},
              bytes(index.shuffle_index()));
    // Last, since it is what a later run looks for.
    AtomicFile description(cache.directory / (stem + "-description.txt"), ErrorKind::data);
    description.write(cache.description);
    description.commit();
  } catch (const std::exception& error) {
    fail_with_hint(ErrorKind::data, "--data-cache-path DIR with a writable directory",
                   "the dataset's index cannot be cached in {}: {}", cache.directory.string(),
                   error.what());
  }
}

}  // namespace

std::string IndexCache::stem() const {
  return fmt::format("{}-GPTDataset-{}", md5_hex(description), split);
}

GptIndexStore::GptIndexStore(GptIndex index)
    : memory_(std::make_shared<const GptIndex>(std::move(index))),
      document_index_(memory_->document_index),
      sample_index_(memory_->sample_index),
      shuffle_index_(memory_->shuffle_index) {}

GptIndexStore GptIndexStore::open(const fs::path& directory, const std::string& stem) {
  GptIndexStore store;
  const auto map = [&](size_t i, const char* array, const char* descr) -> const NpyFile& {
    store.files_[i] = std::make_shared<const NpyFile>(array_path(directory, stem, array), descr);
    return *store.files_[i];
  };
  store.document_index_ = map(0, "document", "<i4").values<int32_t>();
  const NpyFile& samples = map(1, "sample", "<i4");
  check(samples.shape().size() == 2 && samples.shape()[1] == 2, ErrorKind::data,
        "{} is not an array of pairs", array_path(directory, stem, "sample").string());
  store.sample_index_ = samples.values<SampleStart>();
  store.shuffle_index_ = map(2, "shuffle", "<u4").values<uint32_t>();
  return store;
}

GptIndexStore load_or_build_index(const GptIndexRequest& request, const IndexCache& cache,
                                  Logger& logger) {
  const std::string stem = cache.stem();
  std::error_code unreadable;  // not cached, then
  const bool cached = fs::exists(cache.directory / (stem + "-description.txt"), unreadable);
  if (cached) {
    try {
      GptIndexStore store = GptIndexStore::open(cache.directory, stem);
      // Data written anew under the same prefix keeps the description but not the lengths.
      check_gpt_index(request, store.document_index(), store.sample_index(), store.shuffle_index());
      return store;
    } catch (const Error& error) {
      logger.warn(
          fmt::format("the cached index {} in {} does not fit the data ({}); it is built again",
                      stem, cache.directory.string(), error.what()));
    }
  }
  GptIndexStore store(build_gpt_index(request));
  save(store, cache);
  return store;
}

}  // namespace weft::data
