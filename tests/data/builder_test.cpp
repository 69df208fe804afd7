#include <gtest/gtest.h>

#include <vector>

#include "data/dataset_files.hpp"
#include "data/file_size_limit.hpp"
#include "support/temp_dir.hpp"
#include "support/vectors.hpp"
#include "weft/base/error.hpp"
#include "weft/data/indexed_dataset_builder.hpp"

namespace weft::data {

namespace {

using testing::file_names;
using testing::FileSizeLimit;
using testing::from_hex;
using testing::load_vector;
using testing::read_file;
using testing::TempDir;

void expect_files(const std::string& prefix, const nlohmann::json& entry) {
  EXPECT_EQ(read_file(prefix + ".idx"), from_hex(entry.at("idx_hex").get<std::string>())) << prefix;
  if (entry.contains("bin_hex")) {
    EXPECT_EQ(read_file(prefix + ".bin"), from_hex(entry.at("bin_hex").get<std::string>()));
  }
}

void write_documents(const std::string& prefix, const nlohmann::json& entry) {
  IndexedDatasetBuilder builder(prefix, TokenType::uint16);
  for (const auto& document : entry.at("documents")) {
    const auto tokens = document.get<std::vector<int32_t>>();
    if (!tokens.empty()) builder.add_item(tokens);
    builder.end_document();
  }
  builder.finalize();
}

TEST(IndexedDatasetBuilder, WritesMegatronsBytes) {
  const auto vector = load_vector("indexed_dataset");
  const TempDir dir;
  write_documents((dir / "a").string(), vector.at("a_uint16"));
  expect_files((dir / "a").string(), vector.at("a_uint16"));

  const auto& two = vector.at("b_int32_two_sequences_in_doc0");
  IndexedDatasetBuilder builder((dir / "b").string(), TokenType::int32);
  for (size_t d = 0; d < two.at("documents").size(); ++d) {
    builder.add_document(two.at("documents")[d].get<std::vector<int32_t>>(),
                         two.at("seq_lengths_per_doc")[d].get<std::vector<int32_t>>());
  }
  builder.finalize();
  expect_files((dir / "b").string(), two);

  const auto& modes = vector.at("c_uint8_multimodal");
  IndexedDatasetBuilder multimodal((dir / "c").string(), TokenType::uint8, /*with_modes=*/true);
  multimodal.add_document(modes.at("documents")[0].get<std::vector<int32_t>>(),
                          modes.at("seq_lengths_per_doc")[0].get<std::vector<int32_t>>(),
                          modes.at("modes")[0].get<std::vector<int8_t>>());
  multimodal.finalize();
  expect_files((dir / "c").string(), modes);
  EXPECT_EQ(file_names(dir.path()).size(), 6u) << "temporary files are left";
}

TEST(IndexedDatasetBuilder, MergesAsMegatron) {
  const auto vector = load_vector("indexed_dataset");
  const TempDir dir;
  write_documents((dir / "a").string(), vector.at("a_uint16"));
  const IndexedDataset a((dir / "a").string());
  IndexedDatasetBuilder builder((dir / "m").string(), TokenType::uint16);
  builder.add_dataset(a);
  builder.add_dataset(a);
  builder.finalize();
  expect_files((dir / "m").string(), vector.at("merge_a_a"));
  const std::string bin = read_file(dir / "a.bin");
  EXPECT_EQ(read_file(dir / "m.bin"), bin + bin);

  IndexedDatasetBuilder other((dir / "o").string(), TokenType::int32);
  EXPECT_THROW(other.add_dataset(a), Error);
}

TEST(IndexedDatasetBuilder, RefusesTokensThatDoNotFit) {
  const TempDir dir;
  for (const int32_t token : {65536, -1}) {
    IndexedDatasetBuilder builder((dir / "d").string(), TokenType::uint16);
    EXPECT_THROW(builder.add_item(std::vector<int32_t>{token}), Error);
  }
  EXPECT_TRUE(file_names(dir.path()).empty());
}

TEST(IndexedDatasetBuilder, LeavesNothingWhenItIsNotFinalised) {
  const TempDir dir;
  {
    IndexedDatasetBuilder builder((dir / "d").string(), TokenType::int32);
    builder.add_item(std::vector<int32_t>{1, 2, 3});
  }
  EXPECT_TRUE(file_names(dir.path()).empty());
}

TEST(IndexedDatasetBuilder, ReportsAFullDiskAndLeavesNothing) {
  const TempDir dir;
  const std::vector<int32_t> tokens(1000, 7);
  // 1: the tokens do not fit. 3000: they do (2000 bytes), the index of 500 documents does not.
  for (const rlim_t limit : {rlim_t{1}, rlim_t{3000}}) {
    const FileSizeLimit full(limit);
    try {
      IndexedDatasetBuilder builder((dir / "d").string(), TokenType::uint16);
      builder.add_item(tokens);
      for (int i = 0; i < 500; ++i) builder.end_document();
      builder.finalize();
      ADD_FAILURE() << "no error at " << limit;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::data);
      EXPECT_NE(std::string(error.what()).find((dir / "d").string()), std::string::npos);
    }
    EXPECT_TRUE(file_names(dir.path()).empty()) << limit;
  }
}

TEST(IndexedDatasetBuilder, ReplacesAnOlderPairAndKeepsItWhenItCannot) {
  const TempDir dir;
  const auto write = [&](int32_t token, size_t count) {
    IndexedDatasetBuilder builder((dir / "d").string(), TokenType::uint16);
    builder.add_item(std::vector<int32_t>(count, token));
    builder.end_document();
    builder.finalize();
  };
  write(1, 10);
  const std::string old_bin = read_file(dir / "d.bin");
  const std::string old_index = read_file(dir / "d.idx");
  {
    const FileSizeLimit full(500);
    EXPECT_THROW(write(2, 1000), Error);
  }
  EXPECT_EQ(read_file(dir / "d.bin"), old_bin);
  EXPECT_EQ(read_file(dir / "d.idx"), old_index);
  write(3, 7);
  EXPECT_EQ(IndexedDataset((dir / "d").string()).num_tokens(), 7);
  EXPECT_EQ(file_names(dir.path()), (std::vector<std::string>{"d.bin", "d.idx"}));
}

TEST(IndexedDatasetBuilder, LeavesNoTokensWithoutTheirIndex) {
  const TempDir dir;
  std::filesystem::create_directory(dir / "d.idx");
  IndexedDatasetBuilder builder((dir / "d").string(), TokenType::uint16);
  builder.add_item(std::vector<int32_t>{1});
  EXPECT_THROW(builder.finalize(), Error);
  EXPECT_EQ(file_names(dir.path()), std::vector<std::string>{"d.idx"});
}

}  // namespace

}  // namespace weft::data
