// The backend that this build made, opened as the program opens it.
#include "weft/device/cuda_backend.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weft/base/error.hpp"
#include "weft/device/device_choice.hpp"

namespace weft {
namespace {

using ::testing::HasSubstr;

TEST(CudaBackend, OpensAndKnowsItsLibraries) {
  const CudaOpening opening = open_cuda_backend(WEFT_CUDA_BACKEND);
  ASSERT_NE(opening.backend, nullptr) << opening.problem;
  const CudaFacts facts = opening.backend->facts();
  EXPECT_EQ(facts.runtime_version / 1000, 13);
  EXPECT_GE(facts.cublaslt_version, 130000);
  EXPECT_GE(facts.cudnn_version, 91002);
  RecordProperty("why_unusable", why_unusable(facts, 0, 0));
}

TEST(CudaBackend, AGpuIsChosenOrRefusedWithItsReason) {
  const CudaOpening opening = open_cuda_backend(WEFT_CUDA_BACKEND);
  ASSERT_NE(opening.backend, nullptr) << opening.problem;
  const CudaFacts facts = opening.backend->facts();
  const std::string reason = why_unusable(facts, 0, 0);
  if (reason.empty()) {
    const ComputeDevice device = choose_device("cuda", WEFT_CUDA_BACKEND);
    EXPECT_TRUE(device.is_gpu());
    EXPECT_NO_THROW(device.make_stream().synchronize());
    return;
  }
  EXPECT_EQ(choose_device("auto", WEFT_CUDA_BACKEND).device(), Device{});
  try {
    choose_device("cuda", WEFT_CUDA_BACKEND);
    FAIL() << "CUDA was chosen";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::device);
    EXPECT_THAT(error.what(), HasSubstr(reason));
  }
}

}  // namespace
}  // namespace weft
