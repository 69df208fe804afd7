#include "weft/data/indexed_dataset.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <random>
#include <vector>

#include "data/dataset_files.hpp"
#include "support/temp_dir.hpp"
#include "support/vectors.hpp"
#include "weft/base/error.hpp"

namespace weft::data {

namespace {

using testing::from_hex;
using testing::load_vector;
using testing::TempDir;
using testing::write_file;

/// The vector's four uint16 documents, whose index has 110 bytes: header 34, lengths 12, pointers
/// 24, documents 40.
struct SmallDataset {
  SmallDataset() {
    const auto vector = load_vector("indexed_dataset").at("a_uint16");
    index = from_hex(vector.at("idx_hex").get<std::string>());
    bin = from_hex(vector.at("bin_hex").get<std::string>());
  }

  void write(const TempDir& dir) const {
    write_file(dir / "d.idx", index);
    write_file(dir / "d.bin", bin);
  }

  template <typename T>
  void set(size_t offset, T value) {
    std::memcpy(index.data() + offset, &value, sizeof value);
  }

  std::string index;
  std::string bin;
};

std::vector<int64_t> tokens(const IndexedDataset& dataset, int64_t sequence) {
  std::vector<int64_t> out(static_cast<size_t>(dataset.length(sequence)));
  dataset.read(sequence, 0, out);
  return out;
}

/// Opens the dataset and reads every token; returns the message of the error, if there is one.
std::string open_and_read(const SmallDataset& files) {
  const TempDir dir;
  files.write(dir);
  try {
    const IndexedDataset dataset((dir / "d").string());
    for (int64_t i = 0; i < dataset.num_sequences(); ++i) tokens(dataset, i);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data) << error.what();
    EXPECT_NE(std::string(error.what()).find((dir / "d").string()), std::string::npos)
        << "the file is not named: " << error.what();
    return error.what();
  }
}

void expect_refused(const SmallDataset& files, const std::string& part) {
  const std::string message = open_and_read(files);
  EXPECT_NE(message.find(part), std::string::npos) << "got: " << message << "\nexpected: " << part;
}

TEST(IndexedDataset, ReadsMegatronsFiles) {
  const auto vector = load_vector("indexed_dataset");
  const TempDir dir;
  for (const char* name : {"a_uint16", "b_int32_two_sequences_in_doc0", "c_uint8_multimodal"}) {
    const auto& entry = vector.at(name);
    const std::string prefix = (dir / name).string();
    write_file(prefix + ".idx", from_hex(entry.at("idx_hex").get<std::string>()));
    write_file(prefix + ".bin", from_hex(entry.at("bin_hex").get<std::string>()));
    const IndexedDataset dataset(prefix);

    const auto documents = entry.at("documents").get<std::vector<std::vector<int64_t>>>();
    ASSERT_EQ(dataset.num_documents(), static_cast<int64_t>(documents.size())) << name;
    int64_t longest = 0;
    int64_t total = 0;
    for (size_t d = 0; d < documents.size(); ++d) {
      std::vector<int64_t> read;
      const auto document = static_cast<int64_t>(d);
      for (int64_t s = dataset.document_start(document); s < dataset.document_start(document + 1);
           ++s) {
        const auto part = tokens(dataset, s);
        read.insert(read.end(), part.begin(), part.end());
        longest = std::max(longest, dataset.length(s));
      }
      EXPECT_EQ(read, documents[d]) << name << ", document " << d;
      total += static_cast<int64_t>(read.size());
    }
    EXPECT_EQ(dataset.num_tokens(), total) << name;
    EXPECT_EQ(dataset.longest(), longest) << name;
    EXPECT_EQ(dataset.has_modes(), entry.contains("modes")) << name;
  }
}

TEST(IndexedDataset, ReadsPartsOfASequence) {
  const TempDir dir;
  SmallDataset().write(dir);
  const IndexedDataset dataset((dir / "d").string());
  std::vector<int64_t> part(3);
  dataset.read(2, 2, part);
  EXPECT_EQ(part, (std::vector<int64_t>{33, 34, 50256}));
  EXPECT_THROW(dataset.read(2, 3, part), Error);
  EXPECT_THROW(dataset.read(2, -1, part), Error);
  EXPECT_THROW(dataset.read(3, 0, part), Error);
}

TEST(IndexedDataset, NumbersTypesAsTheFormatDoes) {
  const auto vector = load_vector("indexed_dataset");
  for (const auto& [type, code] : vector.at("dtype_codes").items()) {
    ASSERT_TRUE(is_token_type(code));
    EXPECT_EQ(name(static_cast<TokenType>(code.get<uint8_t>())), type);
  }
  EXPECT_FALSE(is_token_type(0));
  EXPECT_FALSE(is_token_type(9));
  EXPECT_EQ(token_type_for(65499), TokenType::uint16);
  EXPECT_EQ(token_type_for(65500), TokenType::int32);
}

TEST(IndexedDataset, NamesTheMissingPrefix) {
  const TempDir dir;
  const std::string prefix = (dir / "nothing").string();
  try {
    const IndexedDataset dataset(prefix);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_NE(std::string(error.what()).find(prefix), std::string::npos);
  }
  write_file(prefix + ".idx", SmallDataset().index);
  EXPECT_THROW(IndexedDataset{prefix}, Error) << "without the .bin";
}

TEST(HostileIndex, IsRefusedAfterAnyTruncation) {
  const SmallDataset whole;
  for (size_t size = 0; size < whole.index.size(); ++size) {
    SmallDataset cut = whole;
    cut.index.resize(size);
    EXPECT_NE(open_and_read(cut), "") << size << " bytes of the index were enough";
  }
  for (size_t size = 0; size < whole.bin.size(); ++size) {
    SmallDataset cut = whole;
    cut.bin.resize(size);
    EXPECT_NE(open_and_read(cut), "") << size << " bytes of the tokens were enough";
  }
  EXPECT_EQ(open_and_read(whole), "");
}

TEST(HostileIndex, NamesEachBadHeaderField) {
  SmallDataset files;
  files.index[0] = 'X';
  expect_refused(files, "bad header, cannot read: ");
  files = {};
  files.set(9, uint64_t{2});
  expect_refused(files, "bad version, cannot read: ");
  expect_refused(files, "got 2, expected 1");
  files = {};
  for (const int code : {0, 9, 255}) {
    files.set(17, static_cast<uint8_t>(code));
    expect_refused(files, fmt::format("token type {} (expected 1 to 8)", code));
  }
}

TEST(HostileIndex, RefusesCountsThatTheFileCannotHold) {
  constexpr uint64_t kAbsurd[] = {0,
                                  1,
                                  4,
                                  6,
                                  uint64_t{1} << 31,
                                  uint64_t{1} << 60,
                                  (uint64_t{1} << 61) + 3,
                                  uint64_t{1} << 63,
                                  0x1555555555555555U,
                                  0x1555555555555556U,
                                  ~uint64_t{0}};
  for (const uint64_t sequences : kAbsurd) {
    for (const uint64_t documents : kAbsurd) {
      SmallDataset files;
      files.set(18, sequences);
      files.set(26, documents);
      EXPECT_NE(open_and_read(files), "") << sequences << " sequences, " << documents;
    }
  }
}

TEST(HostileIndex, RefusesLengthsAndPointersOutsideTheTokens) {
  for (const int32_t length : {-1, 4, 1 << 30, INT32_MIN, INT32_MAX}) {
    SmallDataset files;
    files.set(34 + 8, length == 4 ? 6 : length);  // the last sequence, whose length is 5
    expect_refused(files, "sequence 2");
  }
  for (const int64_t pointer : {int64_t{-2}, int64_t{10}, INT64_MAX, INT64_MIN, INT64_MAX - 9}) {
    SmallDataset files;
    files.set(34 + 12 + 16, pointer);
    expect_refused(files, "sequence 2");
  }
}

TEST(HostileIndex, RefusesDocumentsThatGoBackOrPastTheEnd) {
  constexpr size_t kDocuments = 34 + 12 + 24;
  for (const int64_t entry : {int64_t{-1}, int64_t{4}, INT64_MAX, INT64_MIN}) {
    SmallDataset files;
    files.set(kDocuments + 16, entry);
    expect_refused(files, "document entry 2");
  }
  SmallDataset files;
  files.set(kDocuments + 8, int64_t{3});
  expect_refused(files, "document entry 2 is 1 (expected 3 to 3)");
  files = {};
  files.set(kDocuments, int64_t{1});
  expect_refused(files, "document entry 0 is 1");
  files = {};
  files.set(kDocuments + 32, int64_t{2});
  expect_refused(files, "the last document entry is 2, the index has 3 sequences");
}

// Whatever single byte of the index changes, the dataset opens or says why not; the sanitizers see
// every read outside the files.
TEST(HostileIndex, NeverCrashesOnAChangedByte) {
  const SmallDataset whole;
  int refused = 0;
  for (size_t at = 0; at < whole.index.size(); ++at) {
    for (const int value : {0x00, 0x01, 0x7F, 0x80, 0xFF}) {
      SmallDataset files = whole;
      files.index[at] = static_cast<char>(value);
      if (!open_and_read(files).empty()) ++refused;
    }
  }
  EXPECT_GT(refused, 300);
}

TEST(HostileIndex, RefusesFloatingPointTokensWhenRead) {
  SmallDataset files;
  files.bin.resize(4 * 9);
  files.set(17, static_cast<uint8_t>(TokenType::float32));
  expect_refused(files, "float32");
}

}  // namespace

}  // namespace weft::data
