#include "weft/data/gpt_index_store.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "data/dataset_files.hpp"
#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"

namespace weft::data {

namespace {

using testing::file_names;
using testing::TempDir;

/// A split of 20 sequences, a cache for its index and what the cache warns about.
class GptIndexStoreTest : public ::testing::Test {
 protected:
  GptIndexStoreTest() {
    for (int32_t id = 0; id < 20; ++id) {
      ids.push_back(id + 3);
      lengths.push_back(5 + id % 7);
    }
  }

  GptIndexRequest request() const {
    return {.sequence_ids = ids,
            .lengths = lengths,
            .num_samples = 30,
            .sequence_length = 9,
            .seed = 11};
  }

  IndexCache cache() const {
    return {.directory = dir / "cache", .description = "{}", .split = "train"};
  }

  GptIndexStore load() { return load_or_build_index(request(), cache(), logger); }

  /// Writes `index` as the cache and expects it to be refused and built anew.
  void expect_rebuilt(const GptIndex& index, const std::string& reason) {
    SCOPED_TRACE(reason);
    const auto save = [&](const char* array, std::string_view type, std::vector<int64_t> shape,
                          std::span<const std::byte> bytes) {
      write_npy(cache().directory / (cache().stem() + "-" + array + "_index.npy"), type, shape,
                bytes);
    };
    const auto size = [](const auto& values) { return static_cast<int64_t>(values.size()); };
    save("document", "<i4", {size(index.document_index)},
         std::as_bytes(std::span(index.document_index)));
    save("sample", "<i4", {size(index.sample_index), 2},
         std::as_bytes(std::span(index.sample_index)));
    save("shuffle", "<u4", {size(index.shuffle_index)},
         std::as_bytes(std::span(index.shuffle_index)));
    logger.warnings.clear();
    expect_built(load());
    ASSERT_EQ(logger.warnings.size(), 1u);
    EXPECT_NE(logger.warnings[0].find(reason), std::string::npos) << logger.warnings[0];
  }

  void expect_built(const GptIndexStore& store) const {
    const GptIndex expected = build_gpt_index(request());
    EXPECT_TRUE(std::ranges::equal(store.document_index(), expected.document_index));
    EXPECT_TRUE(std::ranges::equal(store.sample_index(), expected.sample_index));
    EXPECT_TRUE(std::ranges::equal(store.shuffle_index(), expected.shuffle_index));
  }

  TempDir dir;
  std::vector<int32_t> ids;
  std::vector<int32_t> lengths;
  RecordingLogger logger;
};

TEST_F(GptIndexStoreTest, ReadsBackWhatItBuilt) {
  expect_built(load());
  EXPECT_EQ(file_names(dir / "cache").size(), 4u);
  expect_built(load());
  EXPECT_TRUE(logger.warnings.empty());
}

// Data preprocessed anew under the same prefix: the cache's name is the same, the lengths are not.
TEST_F(GptIndexStoreTest, BuildsAnewWhenTheDataHaveChanged) {
  load();
  std::ranges::reverse(lengths);
  expect_built(load());
  ASSERT_EQ(logger.warnings.size(), 1u) << "lengths of the same sum";
  lengths.back() += 9;
  expect_built(load());
  EXPECT_EQ(logger.warnings.size(), 2u) << "one more sample";
  expect_built(load());
  EXPECT_EQ(logger.warnings.size(), 2u) << "the new index is not cached";
}

TEST_F(GptIndexStoreTest, RefusesArraysThatNoSeedGives) {
  load();
  const GptIndex good = build_gpt_index(request());
  GptIndex bad = good;
  bad.shuffle_index[0] = bad.shuffle_index[1];
  expect_rebuilt(bad, "shuffled twice");
  bad = good;
  bad.shuffle_index[2] = static_cast<uint32_t>(bad.shuffle_index.size());
  expect_rebuilt(bad, "does not exist");
  bad = good;
  bad.sample_index[4][1] += 1;
  expect_rebuilt(bad, "sample row 4");
  bad = good;
  bad.sample_index[0][0] = -1;
  expect_rebuilt(bad, "sample row 0");
  bad = good;
  bad.document_index[5] = ids.back() + 1;
  expect_rebuilt(bad, "not in the split");
  bad = good;
  bad.document_index[5] = ids.front() - 1;
  expect_rebuilt(bad, "not in the split");
  bad = good;
  // Another sequence of the same length, so that only the number of visits is wrong.
  const auto seventh = [&](int32_t id) { return (id - ids.front()) % 7; };
  const auto other = std::ranges::find_if(bad.document_index, [&](int32_t id) {
    return id != bad.document_index[0] && seventh(id) == seventh(bad.document_index[0]);
  });
  ASSERT_NE(other, bad.document_index.end());
  *other = bad.document_index[0];
  expect_rebuilt(bad, "visited more than");
  bad = good;
  bad.sample_index.pop_back();
  bad.shuffle_index.pop_back();
  expect_rebuilt(bad, "the data gives");
}

TEST_F(GptIndexStoreTest, RefusesArraysOfOtherShapesAndTypes) {
  load();
  const auto path = [&](const char* array) {
    return cache().directory / (cache().stem() + "-" + array + "_index.npy");
  };
  const GptIndex good = build_gpt_index(request());
  const auto samples = std::as_bytes(std::span(good.sample_index));
  const auto rows = static_cast<int64_t>(good.sample_index.size());
  const std::vector<std::vector<int64_t>> shapes{{2 * rows}, {2, rows}, {rows, 1, 2}};
  for (const auto& shape : shapes) {
    write_npy(path("sample"), "<i4", shape, samples);
    logger.warnings.clear();
    expect_built(load());
    EXPECT_EQ(logger.warnings.size(), 1u);
  }
  write_npy(path("shuffle"), "<i4", {static_cast<int64_t>(good.shuffle_index.size())},
            std::as_bytes(std::span(good.shuffle_index)));
  logger.warnings.clear();
  expect_built(load());
  ASSERT_EQ(logger.warnings.size(), 1u);
  EXPECT_NE(logger.warnings[0].find("type <u4"), std::string::npos) << logger.warnings[0];
}

}  // namespace

}  // namespace weft::data
