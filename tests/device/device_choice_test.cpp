#include "weft/device/device_choice.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "support/temp_dir.hpp"
#include "weft/base/error.hpp"

namespace weft {
namespace {

using ::testing::HasSubstr;

TEST(ParseDevice, KnowsTheDevicesAndNothingElse) {
  EXPECT_EQ(parse_device("cpu"), Device{});
  EXPECT_EQ(parse_device("cuda"), (Device{DeviceType::cuda, 0}));
  EXPECT_EQ(parse_device("cuda:0"), (Device{DeviceType::cuda, 0}));
  EXPECT_EQ(parse_device("cuda:12"), (Device{DeviceType::cuda, 12}));
  for (const char* text : {"", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:1x", "cuda1", "cuda:0x1",
                           "cuda:99999999999", "cpu:0", "auto"}) {
    EXPECT_EQ(parse_device(text), std::nullopt) << text;
  }
}

/// The error of asking for `text` when the backend should be at `path`.
Error refusal(const std::string& text, const std::filesystem::path& path) {
  try {
    choose_device(text, path);
  } catch (const Error& error) {
    return error;
  }
  ADD_FAILURE() << text << " was accepted";
  return {ErrorKind::internal, ""};
}

TEST(ChooseDevice, CpuAndAutoNeedNoBackend) {
  EXPECT_EQ(choose_device("auto", "/nowhere/weft_cuda.so").device(), Device{});
  EXPECT_EQ(choose_device("cpu", "/nowhere/weft_cuda.so").device(), Device{});
}

TEST(ChooseDevice, AnUnknownDeviceIsAUsageError) {
  const Error error = refusal("gpu", "/nowhere/weft_cuda.so");
  EXPECT_EQ(error.kind(), ErrorKind::usage);
  EXPECT_THAT(error.what(), HasSubstr("got gpu, expected auto, cpu, cuda or cuda:N"));
}

TEST(ChooseDevice, SaysThatTheBuildHasNoCuda) {
  const Error error = refusal("cuda", "/nowhere/weft_cuda.so");
  EXPECT_EQ(error.kind(), ErrorKind::device);
  EXPECT_EQ(exit_code(error.kind()), 5);
  EXPECT_STREQ(error.what(),
               "no usable GPU: this build has no CUDA backend (/nowhere/weft_cuda.so does not "
               "exist)");
  EXPECT_EQ(error.hint(), "--device cpu");
}

TEST(ChooseDevice, SaysWhyTheBackendCannotBeLoaded) {
  const testing::TempDir dir;
  testing::write_file(dir / "weft_cuda.so", "no library");
  const Error error = refusal("cuda:1", dir / "weft_cuda.so");
  EXPECT_EQ(error.kind(), ErrorKind::device);
  EXPECT_THAT(error.what(), HasSubstr("no usable GPU: the CUDA backend cannot be loaded: "));
}

TEST(ChooseDevice, RefusesASharedObjectOfAnotherProgram) {
  // One that is certainly there: the C library's own.
  const std::filesystem::path libm = "/lib/x86_64-linux-gnu/libm.so.6";
  if (!std::filesystem::exists(libm)) GTEST_SKIP() << "needs " << libm;
  EXPECT_THAT(refusal("cuda", libm).what(), HasSubstr("belongs to another version of weft"));
}

TEST(CudaBackendPath, LiesBesideTheProgram) {
  EXPECT_EQ(cuda_backend_path().filename(), "weft_cuda.so");
  EXPECT_TRUE(std::filesystem::exists(cuda_backend_path().parent_path() / "weft_device_tests"));
}

}  // namespace
}  // namespace weft
