#include "weft/data/build_datasets.hpp"

#include <gtest/gtest.h>
#include <md5.h>

#include <thread>
#include <vector>

#include "data/dataset_files.hpp"
#include "support/temp_dir.hpp"
#include "support/vectors.hpp"
#include "weft/base/error.hpp"
#include "weft/data/gpt_dataset.hpp"
#include "weft/data/index_description.hpp"
#include "weft/data/indexed_dataset_builder.hpp"
#include "weft/data/npy_file.hpp"
#include "weft/data/preprocess.hpp"

namespace weft::data {

namespace {

namespace fs = std::filesystem;
using testing::file_names;
using testing::load_vector;
using testing::read_file;
using testing::TempDir;
using testing::write_file;

constexpr int32_t kEod = 99;

std::string md5_of(std::span<const std::byte> bytes) {
  std::array<char, MD5_DIGEST_STRING_LENGTH> hex{};
  return MD5Data(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), hex.data());
}

/// Buffers of one sample.
struct Sample {
  explicit Sample(int64_t length)
      : tokens(static_cast<size_t>(length)),
        labels(tokens.size()),
        positions(tokens.size()),
        loss_mask(tokens.size()),
        starts(tokens.size()) {}
  SampleView view() { return {tokens, labels, positions, loss_mask, starts}; }

  std::vector<int64_t> tokens, labels, positions;
  std::vector<float> loss_mask;
  std::vector<int64_t> starts;
};

Sample read(const Dataset& dataset, int64_t index, int64_t length) {
  Sample sample(length);
  dataset.read(index, sample.view());
  return sample;
}

tokenizer::TokenizerConfig null_config() {
  return {.type = "NullTokenizer", .vocab_file = {}, .merge_file = {}, .vocab_size = kEod};
}

/// Writes `num_documents` documents whose tokens count up from `first`, each ended by eod.
void write_dataset(const std::string& prefix, int num_documents, int32_t first = 0) {
  IndexedDatasetBuilder builder(prefix, TokenType::uint16);
  int32_t token = first;
  for (int d = 0; d < num_documents; ++d) {
    std::vector<int32_t> tokens;
    for (int i = 0; i < 3 + d % 5; ++i) tokens.push_back(token++ % kEod);
    tokens.push_back(kEod);
    builder.add_item(tokens);
    builder.end_document();
  }
  builder.finalize();
}

class BuildDatasets : public ::testing::Test {
 protected:
  BuildDatasets() {
    write_dataset(prefix("a"), 60);
    config.data_path = {prefix("a")};
    config.split = "8,1,1";
    config.sequence_length = 8;
    config.data_cache_path = (dir / "cache").string();
  }

  std::string prefix(const std::string& name) const { return (dir / name).string(); }

  Datasets build(const SplitSizes& sizes = {.train = 50, .valid = 6, .test = 6}) {
    const auto tokenizer = tokenizer::make_tokenizer(null_config());
    return build_datasets(config, sizes, *tokenizer, null_config(), logger);
  }

  void expect_refused(ErrorKind kind, const std::string& part) {
    try {
      build();
      ADD_FAILURE() << "no error about " << part;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), kind) << error.what();
      EXPECT_NE((error.what() + error.hint()).find(part), std::string::npos)
          << error.what() << " / " << error.hint();
    }
  }

  TempDir dir;
  DataConfig config;
  RecordingLogger logger;
};

TEST_F(BuildDatasets, BuildsTheSplitsThatAreWanted) {
  const Datasets all = build();
  ASSERT_TRUE(all.train && all.valid && all.test);
  EXPECT_GE(all.train->size(), 50);
  EXPECT_GE(all.valid->size(), 6);
  const Datasets some = build({.train = 5, .valid = 0, .test = 0});
  EXPECT_TRUE(some.train && !some.valid && !some.test);
  config.split = "1,0,1";
  EXPECT_EQ(build().valid, nullptr);
}

TEST_F(BuildDatasets, SamplesAreTheTextOfTheirSpans) {
  const Datasets datasets = build();
  const IndexedDataset source(prefix("a"));
  for (int64_t k = 0; k < datasets.train->size(); ++k) {
    std::vector<int64_t> text;
    for (const SampleSpan& span : datasets.train->spans(k)) {
      EXPECT_LT(span.sequence, 48) << "beyond the train split";
      std::vector<int64_t> part(static_cast<size_t>(span.num_tokens));
      source.read(span.sequence, span.offset, part);
      text.insert(text.end(), part.begin(), part.end());
    }
    ASSERT_EQ(text.size(), 9u);
    const Sample sample = read(*datasets.train, k, 8);
    EXPECT_EQ(sample.tokens, std::vector<int64_t>(text.begin(), text.end() - 1));
    EXPECT_EQ(sample.labels, std::vector<int64_t>(text.begin() + 1, text.end()));
    EXPECT_EQ(sample.positions, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(sample.loss_mask, std::vector<float>(8, 1.0F));
  }
  Sample sample(8);
  EXPECT_THROW(datasets.train->read(-1, sample.view()), Error);
  EXPECT_THROW(datasets.train->read(datasets.train->size(), sample.view()), Error);
}

TEST_F(BuildDatasets, ReadsTheSameFromSeveralThreads) {
  const Datasets datasets = build();
  std::vector<Sample> expected;
  for (int64_t k = 0; k < datasets.train->size(); ++k)
    expected.push_back(read(*datasets.train, k, 8));
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (size_t k = 0; k < expected.size(); ++k) {
        EXPECT_EQ(read(*datasets.train, static_cast<int64_t>(k), 8).tokens, expected[k].tokens);
      }
    });
  }
}

TEST_F(BuildDatasets, ReusesItsCacheAndMendsADamagedOne) {
  const Sample before = read(*build().train, 3, 8);
  const auto names = file_names(dir / "cache");
  ASSERT_EQ(names.size(), 12u);
  EXPECT_EQ(read(*build().train, 3, 8).tokens, before.tokens);
  EXPECT_TRUE(logger.warnings.empty());
  for (const std::string& name : names) {
    if (!name.ends_with(".npy")) continue;
    const fs::path path = dir / "cache" / name;
    const std::string good = read_file(path);
    std::vector<std::string> bad{good.substr(0, 5), good.substr(0, good.size() - 3), ""};
    std::string changed = good;
    for (size_t i = changed.size() - 8; i < changed.size(); ++i) changed[i] = '\xFF';
    bad.push_back(changed);
    for (const std::string& bytes : bad) {
      write_file(path, bytes);
      logger.warnings.clear();
      EXPECT_EQ(read(*build().train, 3, 8).tokens, before.tokens) << name;
      EXPECT_EQ(logger.warnings.size(), 1u) << name << ", " << bytes.size() << " bytes";
      EXPECT_EQ(read_file(path), good) << "not built again";
    }
    fs::remove(path);
    build();
    EXPECT_EQ(read_file(path), good);
  }
}

TEST_F(BuildDatasets, NamesTheFlagWhenTheCacheCannotBeWritten) {
  write_file(dir / "file", "");
  config.data_cache_path = (dir / "file" / "below").string();
  expect_refused(ErrorKind::data, "--data-cache-path");
}

TEST_F(BuildDatasets, BlendsByWeightAndBySize) {
  write_dataset(prefix("b"), 30, 50);
  config.data_path = {"0.3", prefix("a"), "0.7", prefix("b")};
  const Datasets weighted = build();
  EXPECT_EQ(weighted.train->size(), 50);
  EXPECT_EQ(read(*weighted.train, 0, 8).tokens.size(), 8u);
  config.data_path = {prefix("a"), prefix("b")};
  const Datasets whole = build({.train = 1000000, .valid = 0, .test = 0});
  const auto samples_of = [&](const std::string& path) {
    config.data_path = {path};
    int64_t tokens = 0;
    const IndexedDataset source(path);
    for (int64_t i = 0; i < source.num_sequences() * 8 / 10; ++i) tokens += source.length(i);
    return (tokens - 1) / 8;
  };
  EXPECT_EQ(whole.train->size(), samples_of(prefix("a")) + samples_of(prefix("b")));
  config.data_path = {prefix("a"), prefix("b")};
  EXPECT_EQ(build({.train = 7, .valid = 0, .test = 0}).train->size(), 7);
  for (int64_t k = 0; k < whole.train->size(); ++k) read(*whole.train, k, 8);
}

TEST_F(BuildDatasets, TakesAPathForEachSplit) {
  write_dataset(prefix("b"), 30, 50);
  config.train_data_path = {prefix("a")};
  config.valid_data_path = {prefix("b")};
  expect_refused(ErrorKind::usage, "--data-path");
  config.data_path = {};
  expect_refused(ErrorKind::usage, "--split");
  config.split = "";
  const Datasets datasets = build();
  EXPECT_TRUE(datasets.train && datasets.valid && !datasets.test);
}

TEST_F(BuildDatasets, WarnsAboutTheLegacySplit) {
  config.split = "";
  build({.train = 5, .valid = 0, .test = 0});
  ASSERT_EQ(logger.warnings.size(), 1u);
  EXPECT_NE(logger.warnings[0].find("\"969, 30, 1\""), std::string::npos);
}

TEST_F(BuildDatasets, RefusesWhatHoldsNoData) {
  config.split = "999,1,0";
  expect_refused(ErrorKind::data, "--split");
  config.data_path = {prefix("missing")};
  expect_refused(ErrorKind::data, "missing");
  config.seed = -1;
  expect_refused(ErrorKind::usage, "--seed");
}

TEST_F(BuildDatasets, MakesUpMockData) {
  config = {};
  config.mock_data = true;
  config.sequence_length = 4096;
  const Datasets datasets = build({.train = 4, .valid = 0, .test = 0});
  const Sample sample = read(*datasets.train, 0, 4096);
  // Documents count up and end with eod.
  for (size_t i = 0; i < sample.tokens.size(); ++i) {
    const bool ends = sample.labels[i] == kEod;
    const bool counts = sample.labels[i] == sample.tokens[i] + 1;
    EXPECT_TRUE(ends || counts || sample.tokens[i] == kEod) << i;
  }
}

TEST(FinishSample, MasksAndPlacesAsMegatron) {
  const auto masks = load_vector("data_indices").at("masks");
  ASSERT_FALSE(masks.empty());
  for (const auto& entry : masks) {
    const auto tokens = entry.at("tokens").get<std::vector<int64_t>>();
    Sample sample(static_cast<int64_t>(tokens.size()));
    sample.tokens = tokens;
    finish_sample({.sequence_length = static_cast<int64_t>(tokens.size()),
                   .reset_position_ids = entry.at("reset_position_ids"),
                   .eod_mask_loss = entry.at("eod_mask_loss"),
                   .eod = entry.at("eod")},
                  static_cast<int64_t>(tokens.size()) + 1, sample.view());
    EXPECT_EQ(sample.loss_mask, entry.at("loss_mask").get<std::vector<float>>()) << entry.dump();
    EXPECT_EQ(sample.positions, entry.at("position_ids").get<std::vector<int64_t>>());
    if (!entry.at("reset_attention_mask").get<bool>()) continue;
    for (size_t query = 0; query < tokens.size(); ++query) {
      for (size_t key = 0; key < tokens.size(); ++key) {
        const auto at = static_cast<int64_t>(key);
        const bool hidden = key > query || at < sample.starts[query];
        EXPECT_EQ(hidden, entry.at("masked_out").at(query).at(key) == 1) << query << " " << key;
      }
    }
  }
}

TEST(FinishSample, PaddingCountsForNothing) {
  Sample sample(4);
  finish_sample({.sequence_length = 4, .eod = 7}, 3, sample.view());
  EXPECT_EQ(sample.loss_mask, (std::vector<float>{1, 1, 0, 0}));
}

TEST(IndexDescription, IsMegatronsText) {
  const auto vector = load_vector("gpt_dataset_seed_log");
  DataConfig config;
  config.split = "949,50,1";
  config.sequence_length = 2048;
  const tokenizer::TokenizerConfig tokenizer{.vocab_file = "datasets/vocab.json",
                                             .merge_file = "datasets/merges.txt"};
  for (const Split split : kSplits) {
    const auto& entry = vector.at("splits").at(name(split));
    const std::string text = index_description(
        config, tokenizer, "datasets/gpt-large-cased-vocab-small_text_document", split,
        entry.at("num_samples_requested").get<int64_t>(), config.split, parse_split(config.split));
    EXPECT_EQ(text, entry.at("description").get<std::string>());
    const IndexCache cache{.directory = {}, .description = text, .split = name(split)};
    EXPECT_EQ(cache.stem(), entry.at("hash").get<std::string>() + "-GPTDataset-" + name(split));
  }
}

/// The run of the seed log, from the text on.
class SeedLog : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto news = testing::reference_file("data/news.jsonl");
    const auto vocab = testing::reference_file("data/gpt2/vocab.json");
    if (!news || !vocab) GTEST_SKIP() << "needs the reference's news.jsonl and GPT-2 files";
    const tokenizer::TokenizerConfig tokenizer_config{
        .vocab_file = *vocab, .merge_file = vocab->parent_path() / "merges.txt"};
    tokenizer = tokenizer::make_tokenizer(tokenizer_config);
    preprocess({.input = *news,
                .output_prefix = (dir / "news").string(),
                .append_eod = true,
                .workers = 2},
               *tokenizer, logger);
    DataConfig config;
    config.data_path = {(dir / "news_text_document").string()};
    config.split = "949,50,1";
    config.sequence_length = 2048;
    datasets = build_datasets(config, {.train = 320, .valid = 320, .test = 160}, *tokenizer,
                              tokenizer_config, logger);
  }

  const Dataset& dataset(const std::string& split) const {
    return *(split == "train" ? datasets.train : split == "valid" ? datasets.valid : datasets.test);
  }

  std::string cached(const std::string& split, const std::string& array) const {
    const fs::path cache = dir / "news_text_document" / "cache" / "GPTDataset_indices";
    for (const std::string& name : file_names(cache)) {
      if (name.find("-GPTDataset-" + split + "-" + array + "_index.npy") != std::string::npos) {
        return (cache / name).string();
      }
    }
    return "";
  }

  TempDir dir;
  RecordingLogger logger;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer;
  Datasets datasets;
};

TEST_F(SeedLog, GivesMegatronsIndicesAndSamples) {
  const auto vector = load_vector("gpt_dataset_seed_log");
  EXPECT_EQ(fs::file_size(dir / "news_text_document.bin"), vector.at("bin_bytes").get<size_t>());
  EXPECT_EQ(fs::file_size(dir / "news_text_document.idx"), vector.at("idx_bytes").get<size_t>());
  for (const auto& [split, entry] : vector.at("splits").items()) {
    SCOPED_TRACE(split);
    EXPECT_EQ(dataset(split).size(), entry.at("len").get<int64_t>());
    const NpyFile documents(cached(split, "document"), "<i4");
    const NpyFile samples(cached(split, "sample"), "<i4");
    const NpyFile shuffle(cached(split, "shuffle"), "<u4");
    EXPECT_EQ(samples.shape(), entry.at("sample_index").at("shape").get<std::vector<int64_t>>());
    EXPECT_EQ(md5_of(std::as_bytes(documents.values<int32_t>())),
              entry.at("document_index").at("md5_int32le").get<std::string>());
    EXPECT_EQ(md5_of(std::as_bytes(samples.values<int32_t>())),
              entry.at("sample_index").at("md5_int32le").get<std::string>());
    EXPECT_EQ(md5_of(std::as_bytes(shuffle.values<uint32_t>())),
              entry.at("shuffle_index").at("md5_uint32le").get<std::string>());
    const auto& first = entry.at("sample0");
    const Sample sample = read(dataset(split), 0, 2048);
    EXPECT_EQ(md5_of(std::as_bytes(std::span(sample.tokens))),
              first.at("tokens_md5_int64le").get<std::string>());
    EXPECT_EQ(md5_of(std::as_bytes(std::span(sample.labels))),
              first.at("labels_md5_int64le").get<std::string>());
    EXPECT_EQ(sample.loss_mask, std::vector<float>(2048, 1.0F));
    const Sample later = read(dataset(split), 15, 2048);
    EXPECT_EQ(md5_of(std::as_bytes(std::span(later.tokens))),
              entry.at("sample15_tokens_md5_int64le").get<std::string>());
  }
}

}  // namespace

}  // namespace weft::data
