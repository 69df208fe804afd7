#include "weft/data/gpt_index.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <vector>

#include "support/vectors.hpp"
#include "weft/base/error.hpp"
#include "weft/data/split.hpp"

namespace weft::data {

namespace {

using testing::load_vector;

std::vector<int32_t> lengths_of(const std::vector<int32_t>& ids, const std::vector<int32_t>& all) {
  std::vector<int32_t> lengths;
  for (const int32_t id : ids) lengths.push_back(all[static_cast<size_t>(id)]);
  return lengths;
}

TEST(GptIndex, EqualsMegatronsArrays) {
  const auto vector = load_vector("data_indices");
  ASSERT_FALSE(vector.at("indices").empty());
  for (const auto& entry : vector.at("indices")) {
    SCOPED_TRACE(entry.dump());
    const auto ids = entry.at("exposed_docs").get<std::vector<int32_t>>();
    const auto lengths = lengths_of(ids, entry.at("doc_lengths").get<std::vector<int32_t>>());
    const GptIndexRequest request{.sequence_ids = ids,
                                  .lengths = lengths,
                                  .num_samples = entry.at("num_samples").get<int64_t>(),
                                  .sequence_length = entry.at("sequence_length"),
                                  .seed = entry.at("seed"),
                                  .drop_last_partial = entry.at("drop_last_partial"),
                                  .extra_token = entry.at("extra_token")};
    const EpochPlan plan = plan_epochs(entry.at("tokens_per_epoch"), request.num_samples,
                                       request.sequence_length, request.extra_token);
    EXPECT_EQ(plan.num_epochs, entry.at("num_epochs").get<int64_t>());
    EXPECT_EQ(plan.separate_last_epoch, entry.at("separate_final_epoch").get<bool>());
    if (!entry.at("sans_final").is_null()) {
      EXPECT_EQ(plan.samples_before_last_epoch, entry.at("sans_final").get<int64_t>());
    }
    const GptIndex index = build_gpt_index(request);
    EXPECT_EQ(index.document_index, entry.at("document_index").get<std::vector<int32_t>>());
    EXPECT_EQ(index.sample_index, entry.at("sample_index").get<std::vector<SampleStart>>());
    EXPECT_EQ(index.shuffle_index, entry.at("shuffle_index").get<std::vector<uint32_t>>());
  }
}

TEST(GptIndex, SpeaksOfAnEpochWithoutTokens) {
  const std::vector<int32_t> ids{0, 1};
  for (const std::vector<int32_t>& lengths :
       {std::vector<int32_t>{0, 0}, std::vector<int32_t>{0, 1}, std::vector<int32_t>{3, 1}}) {
    const GptIndexRequest request{
        .sequence_ids = ids, .lengths = lengths, .num_samples = std::nullopt, .sequence_length = 8};
    EXPECT_THROW(build_gpt_index(request), Error);
  }
}

TEST(GptIndex, RefusesMoreVisitsThanItCanCount) {
  const std::vector<int32_t> ids{0};
  const std::vector<int32_t> lengths{2};
  for (const int64_t num_samples : {int64_t{2000000000}, INT64_MAX}) {
    EXPECT_THROW(build_gpt_index({.sequence_ids = ids,
                                  .lengths = lengths,
                                  .num_samples = num_samples,
                                  .sequence_length = 2000000000}),
                 Error);
  }
}

/// Cut and visit properties over random data.
class GptIndexProperties : public ::testing::TestWithParam<uint32_t> {
 protected:
  void SetUp() override {
    std::mt19937 random(GetParam());
    for (int32_t id = 0; id < 40; ++id) {
      ids.push_back(id + 5);
      lengths.push_back(static_cast<int32_t>(random() % 30));
    }
    sequence_length = 1 + static_cast<int64_t>(random() % 50);
    num_samples = 1 + static_cast<int64_t>(random() % 300);
    index = build_gpt_index({.sequence_ids = ids,
                             .lengths = lengths,
                             .num_samples = num_samples,
                             .sequence_length = sequence_length,
                             .seed = GetParam()});
  }

  int64_t length_of_entry(size_t position) const {
    return lengths[static_cast<size_t>(index.document_index[position] - 5)];
  }

  std::vector<int32_t> ids;
  std::vector<int32_t> lengths;
  int64_t sequence_length = 0;
  int64_t num_samples = 0;
  GptIndex index;
};

TEST_P(GptIndexProperties, VisitsEverySequenceOnceAnEpoch) {
  std::map<int32_t, size_t> visits;
  for (const int32_t id : index.document_index) ++visits[id];
  const size_t epochs = index.document_index.size() / ids.size();
  ASSERT_EQ(visits.size(), ids.size());
  for (const auto& [id, count] : visits) EXPECT_EQ(count, epochs) << "sequence " << id;
}

TEST_P(GptIndexProperties, CutsSamplesThatShareOneToken) {
  ASSERT_EQ(index.shuffle_index.size() + 1, index.sample_index.size());
  EXPECT_GE(static_cast<int64_t>(index.shuffle_index.size()), num_samples);
  // Place of each row in the concatenation of all visits.
  std::vector<int64_t> start_of_entry{0};
  for (size_t i = 0; i < index.document_index.size(); ++i) {
    start_of_entry.push_back(start_of_entry.back() + length_of_entry(i));
  }
  for (size_t k = 0; k < index.sample_index.size(); ++k) {
    const auto [position, offset] = index.sample_index[k];
    EXPECT_LT(offset, length_of_entry(static_cast<size_t>(position)) + (k == 0 ? 1 : 0));
    EXPECT_EQ(start_of_entry[static_cast<size_t>(position)] + offset,
              static_cast<int64_t>(k) * sequence_length)
        << "row " << k;
  }
}

TEST_P(GptIndexProperties, ShufflesWithoutLosingASample) {
  const std::set<uint32_t> rows(index.shuffle_index.begin(), index.shuffle_index.end());
  EXPECT_EQ(rows.size(), index.shuffle_index.size());
  EXPECT_EQ(*rows.rbegin() + 1, rows.size());
}

INSTANTIATE_TEST_SUITE_P(Seeds, GptIndexProperties, ::testing::Range(0U, 25U));

TEST(Split, EqualsMegatronsRanges) {
  const auto vector = load_vector("data_indices");
  ASSERT_FALSE(vector.at("split").empty());
  for (const auto& entry : vector.at("split")) {
    SCOPED_TRACE(entry.dump());
    const SplitMatrix matrix = parse_split(entry.at("split"));
    for (size_t i = 0; i < matrix.size(); ++i) {
      const auto& expected = entry.at("matrix")[i];
      ASSERT_EQ(matrix[i].has_value(), !expected.is_null()) << "split " << i;
      if (!matrix[i]) continue;
      EXPECT_EQ(matrix[i]->begin, expected[0].get<double>());
      EXPECT_EQ(matrix[i]->end, expected[1].get<double>());
      EXPECT_EQ(sequence_range(*matrix[i], entry.at("num_sequences")),
                (entry.at("ranges")[i].get<std::array<int64_t, 2>>()));
    }
  }
}

TEST(Split, RoundsHalvesToEven) {
  EXPECT_EQ(sequence_range({0.25, 0.75}, 10), (std::array<int64_t, 2>{2, 8}));
  EXPECT_EQ(sequence_range({0.5, 1.0}, 1), (std::array<int64_t, 2>{0, 1}));
  EXPECT_EQ(sequence_range({0.5, 1.0}, 3), (std::array<int64_t, 2>{2, 3}));
}

TEST(Split, RefusesWhatGivesNoShares) {
  for (const char* text : {"", "a,b", "0,0,0", "1,2,3,4", "1.2.3", "..."}) {
    try {
      parse_split(text);
      ADD_FAILURE() << text << " was taken";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::usage);
      EXPECT_NE(std::string(error.what()).find("--split"), std::string::npos) << error.what();
    }
  }
}

}  // namespace

}  // namespace weft::data
