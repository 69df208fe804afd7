#include "weft/train/batch_source.hpp"

#include <gtest/gtest.h>

#include "weft/base/error.hpp"

namespace weft::train {
namespace {

/// Sample k holds the tokens 10 k + 0, 1, 2, 3.
class CountingDataset final : public data::Dataset {
 public:
  int64_t size() const override { return 8; }
  void read(int64_t index, const data::SampleView& out) const override {
    for (size_t i = 0; i < out.tokens.size(); ++i) {
      out.tokens[i] = 10 * index + static_cast<int64_t>(i);
      out.labels[i] = out.tokens[i] + 1;
      out.positions[i] = static_cast<int64_t>(i);
      out.loss_mask[i] = 1.0F;
      if (!out.starts.empty()) out.starts[i] = i < 2 ? 0 : 2;
    }
  }
  std::vector<data::SampleSpan> spans(int64_t) const override { return {}; }
};

constexpr model::MicrobatchShape kShape{.sequence = 4, .samples = 2};
const data::SamplerConfig kSampler{.type = "single", .total_samples = 8, .micro_batch_size = 2};

model::ModelConfig model_of(int64_t vocab_size) {
  model::ModelConfig model;
  model.vocab_size = vocab_size;
  return model;
}

TEST(BatchSource, FetchesMicrobatchesByNumberInAnyOrder) {
  const CountingDataset dataset;
  BatchSource source(dataset, kSampler, kShape, model_of(100));
  source.start_iteration(4);
  const auto second = source.microbatch(1);
  EXPECT_EQ(second.tokens_BS.span<int64_t>()[0], 60);
  EXPECT_EQ(second.tokens_BS.span<int64_t>()[4], 70);
  EXPECT_EQ(second.labels_BS.span<int64_t>()[7], 74);
  EXPECT_EQ(second.sample_ids_B[0], 6);
  EXPECT_EQ(second.sample_ids_B[1], 7);
  EXPECT_EQ(source.microbatch(0).tokens_BS.span<int64_t>()[0], 40);
}

TEST(BatchSource, ReadsAheadWithoutChangingWhatIsRead) {
  const CountingDataset dataset;
  BatchSource source(dataset, kSampler, kShape, model_of(100));
  source.prefetch(4);
  source.start_iteration(4);
  EXPECT_EQ(source.microbatch(0).tokens_BS.span<int64_t>()[0], 40);
  EXPECT_EQ(source.microbatch(0).sample_ids_B[0], 4);
  // What was read ahead is of another iteration, or gone.
  source.prefetch(2);
  source.start_iteration(4);
  EXPECT_EQ(source.microbatch(0).tokens_BS.span<int64_t>()[0], 40);
  source.prefetch(4);
  EXPECT_EQ(source.microbatch(1).sample_ids_B[0], 6);
  EXPECT_EQ(source.microbatch(0).sample_ids_B[0], 4);
}

TEST(BatchSource, ReadingAheadPastTheEndWaitsForTheQuestion) {
  const CountingDataset dataset;
  BatchSource source(dataset, kSampler, kShape, model_of(100));
  EXPECT_NO_THROW(source.prefetch(1000000));
  source.start_iteration(1000000);
  EXPECT_THROW(source.microbatch(0), Error);
}

TEST(BatchSource, DocumentStartsComeWithAttentionThatNeedsThem) {
  const CountingDataset dataset;
  model::ModelConfig model = model_of(100);
  BatchSource plain(dataset, kSampler, kShape, model);
  EXPECT_TRUE(plain.microbatch(0).starts_BS.empty());
  model.reset_attention_mask = true;
  BatchSource apart(dataset, kSampler, kShape, model);
  const auto starts_BS = apart.microbatch(1).starts_BS;
  ASSERT_EQ(starts_BS.shape(), (Shape{2, 4}));
  const std::vector<int64_t> starts(starts_BS.span<int64_t>().begin(),
                                    starts_BS.span<int64_t>().end());
  EXPECT_EQ(starts, (std::vector<int64_t>{0, 0, 2, 2, 0, 0, 2, 2}));
}

TEST(BatchSource, EpochsOfACyclicSamplerHaveDifferentDropout) {
  const CountingDataset dataset;
  BatchSource source(dataset, {.type = "cyclic", .total_samples = 8, .micro_batch_size = 2}, kShape,
                     model_of(100));
  source.start_iteration(8);  // the second epoch
  const auto batch = source.microbatch(0);
  EXPECT_EQ(batch.sample_ids_B[0], 8);
  EXPECT_EQ(batch.sample_ids_B[1], 9);
}

TEST(BatchSource, RefusesTokensThatTheModelDoesNotKnow) {
  const CountingDataset dataset;
  BatchSource source(dataset, kSampler, kShape, model_of(24));
  source.start_iteration(0);
  EXPECT_NO_THROW(source.microbatch(0));
  try {
    source.microbatch(1);
    FAIL() << "nothing was thrown";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    EXPECT_STREQ(error.what(), "sample 2 holds token 24, the model's vocabulary has 24");
  }
}

TEST(BatchSource, SaysWhenTheSamplesHaveRunOut) {
  const CountingDataset dataset;
  BatchSource source(dataset, kSampler, kShape, model_of(100));
  source.start_iteration(8);
  EXPECT_THROW(source.microbatch(0), Error);
}

}  // namespace
}  // namespace weft::train
