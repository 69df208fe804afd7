// Every reason for which a GPU is refused, from facts that only other machines have.
#include "weft/device/cuda_facts.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string_view>

namespace weft {
namespace {

using ::testing::HasSubstr;

/// A machine with one H100 on which nothing is wrong.
CudaFacts good_facts() {
  CudaFacts facts;
  facts.driver_version = 13000;
  facts.runtime_version = 13000;
  facts.cublaslt_version = 130100;
  facts.cudnn_version = 91900;
  facts.num_gpus = 1;
  constexpr std::string_view kName = "NVIDIA H100 80GB HBM3";
  std::ranges::copy(kName, facts.gpus[0].name.begin());
  facts.gpus[0].compute_major = 9;
  facts.gpus[0].total_bytes = int64_t{80} << 30;
  facts.gpus[0].free_bytes = int64_t{60} << 30;
  return facts;
}

TEST(WhyUnusable, NothingIsWrongWithAGoodMachine) {
  EXPECT_EQ(why_unusable(good_facts(), 0, int64_t{60} << 30), "");
}

TEST(WhyUnusable, NamesTheDriver) {
  CudaFacts facts = good_facts();
  facts.driver_version = 0;
  EXPECT_THAT(why_unusable(facts, 0, 0), HasSubstr("no NVIDIA driver"));
  facts.driver_version = 12040;
  EXPECT_EQ(why_unusable(facts, 0, 0),
            "the NVIDIA driver is too old: it knows CUDA 12.4, this build needs 13.0");
  facts.driver_version = 13010;
  EXPECT_EQ(why_unusable(facts, 0, 0), "");
}

TEST(WhyUnusable, GatesTheLibraries) {
  CudaFacts facts = good_facts();
  facts.cublaslt_version = 120400;
  EXPECT_EQ(why_unusable(facts, 0, 0),
            "cuBLASLt is too old (got 12.4.0, expected at least 12.5.0)");
  facts = good_facts();
  for (const int64_t refused : {8900, 90800, 91000, 91001}) {
    facts.cudnn_version = refused;
    EXPECT_THAT(why_unusable(facts, 0, 0), HasSubstr("expected at least 9.10.2")) << refused;
  }
}

TEST(WhyUnusable, SaysWhatTheRuntimeSaid) {
  CudaFacts facts = good_facts();
  facts.num_gpus = 0;
  EXPECT_EQ(why_unusable(facts, 0, 0), "the machine has no NVIDIA GPU");
  constexpr std::string_view kFailure = "system not yet initialized";
  std::ranges::copy(kFailure, facts.failure.begin());
  EXPECT_EQ(why_unusable(facts, 0, 0), "CUDA says: system not yet initialized");
}

TEST(WhyUnusable, NamesTheGpu) {
  CudaFacts facts = good_facts();
  EXPECT_THAT(why_unusable(facts, 1, 0), HasSubstr("there is no GPU 1"));
  EXPECT_THAT(why_unusable(facts, 0, (int64_t{60} << 30) + 1),
              HasSubstr("NVIDIA H100 80GB HBM3 has too little memory (got 60.0 GiB free of 80.0"));
  facts.gpus[0].compute_major = 7;
  facts.gpus[0].compute_minor = 5;
  EXPECT_THAT(why_unusable(facts, 0, 0), HasSubstr("compute capability 7.5"));
}

TEST(VersionsText, SpellsEveryLibrary) {
  EXPECT_EQ(versions_text(good_facts()), "runtime 13.0, cuBLASLt 13.1.0, cuDNN 9.19.0");
}

}  // namespace
}  // namespace weft
