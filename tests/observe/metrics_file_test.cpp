#include "weft/observe/metrics_file.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"

namespace weft::observe {
namespace {

using testing::TempDir;

IterationRecord make_record() {
  IterationRecord record;
  record.iteration = 7;
  record.consumed_samples = 112;
  record.lm_loss = 0.1;
  record.grad_norm = 1.0 / 3.0;
  record.learning_rate = 1e-5;
  record.step_s = 5e-324;
  record.tokens_per_s = 1e300;
  record.bubble = -0.0;
  record.bound_gap = 2.0;
  record.peak_bytes = int64_t{1} << 40;
  return record;
}

TEST(MetricsFile, WritesTheFieldsInTheirOrder) {
  EXPECT_EQ(to_json(make_record()),
            R"({"iteration":7,"consumed_samples":112,"lm_loss":0.1,)"
            R"("grad_norm":0.3333333333333333,"loss_scale":1.0,"learning_rate":1e-05,)"
            R"("skipped":false,"step_s":5e-324,"tokens_per_s":1e+300,"bubble":-0.0,)"
            R"("bound_gap":2.0,"peak_bytes":1099511627776})");
  EXPECT_EQ(to_json(EvaluationRecord{"va\"lid", 20, 9.5, 13359.726829661873}),
            R"({"split":"va\"lid","iteration":20,"lm_loss":9.5,"ppl":13359.726829661873})");
}

TEST(MetricsFile, ADecoupledLearningRateIsWrittenWhereThereIsOne) {
  IterationRecord record = make_record();
  record.decoupled_learning_rate = 0.5;
  EXPECT_NE(to_json(record).find(
                R"("learning_rate":1e-05,"decoupled_learning_rate":0.5,"skipped":false)"),
            std::string::npos);
}

TEST(MetricsFile, NumbersReadBackToTheSameBits) {
  IterationRecord record = make_record();
  for (const double value :
       {0.1 + 0.2, 6.02214076e23, 4294967296.0, -0.0, 1e16, 123456.0, std::nextafter(1.0, 2.0),
        std::numeric_limits<double>::max(), std::numeric_limits<double>::min()}) {
    record.lm_loss = value;
    const auto read = nlohmann::json::parse(to_json(record)).at("lm_loss");
    ASSERT_TRUE(read.is_number_float()) << read;
    EXPECT_EQ(read.get<double>(), value);
    EXPECT_EQ(std::signbit(read.get<double>()), std::signbit(value));
  }
}

TEST(MetricsFile, NumbersThatAreNotFiniteAreNull) {
  IterationRecord record = make_record();
  record.skipped = true;
  record.lm_loss = std::numeric_limits<double>::quiet_NaN();
  record.grad_norm = -std::numeric_limits<double>::infinity();
  const auto read = nlohmann::json::parse(to_json(record));
  EXPECT_TRUE(read.at("lm_loss").is_null());
  EXPECT_TRUE(read.at("grad_norm").is_null());
  EXPECT_EQ(read.at("skipped"), true);
}

TEST(MetricsFile, EveryLineIsOnDiskWhenItIsWritten) {
  const TempDir dir;
  MetricsFile file(dir / "m.jsonl", MetricsFile::OpenMode::replace);
  MetricsSink& sink = file;
  sink.write(make_record());
  const std::string first = to_json(make_record()) + "\n";
  EXPECT_EQ(testing::read_file(dir / "m.jsonl"), first);
  const EvaluationRecord evaluation{"valid", 7, 2.5, std::exp(2.5)};
  sink.write(evaluation);
  EXPECT_EQ(testing::read_file(dir / "m.jsonl"), first + to_json(evaluation) + "\n");
}

TEST(MetricsFile, AppendsOrReplaces) {
  const TempDir dir;
  testing::write_file(dir / "m.jsonl", "{}\n");
  MetricsFile(dir / "m.jsonl", MetricsFile::OpenMode::append).write(make_record());
  EXPECT_EQ(testing::read_file(dir / "m.jsonl"), "{}\n" + to_json(make_record()) + "\n");
  MetricsFile(dir / "m.jsonl", MetricsFile::OpenMode::replace).write(make_record());
  EXPECT_EQ(testing::read_file(dir / "m.jsonl"), to_json(make_record()) + "\n");
}

TEST(MetricsFile, ReportsFilesThatCannotBeWritten) {
  const TempDir dir;
  try {
    const MetricsFile file(dir / "absent" / "m.jsonl", MetricsFile::OpenMode::replace);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    EXPECT_NE(std::string(error.what()).find("--metrics-file"), std::string::npos);
  }
  MetricsFile full("/dev/full", MetricsFile::OpenMode::append);
  try {
    full.write(make_record());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
  }
}

}  // namespace
}  // namespace weft::observe
