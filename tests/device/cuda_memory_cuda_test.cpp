// Memory, streams and events of CUDA: without a GPU everything ends with CUDA's own words.
#include "weft/device/cuda_memory.hpp"

#include <cuda_runtime_api.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weft/base/error.hpp"
#include "weft/device/cuda_policy.cuh"
#include "weft/device/event_ring.hpp"

namespace weft {
namespace {

using ::testing::HasSubstr;

bool has_gpu() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess && count > 0;
}

template <typename Body>
void expect_device_error(const Body& body, const std::string& message) {
  try {
    body();
    ADD_FAILURE() << "no error: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::device);
    EXPECT_THAT(error.what(), HasSubstr(message));
  }
}

TEST(CudaMemory, IsRefusedWithCudasWordsWithoutAGpu) {
  if (has_gpu()) GTEST_SKIP() << "this machine has a GPU";
  CudaMemory memory(0);
  expect_device_error([&] { PlannedMemory(1 << 20, memory); }, "GPU 0 gives no 1048576 bytes: ");
  PinnedMemory pinned;
  expect_device_error([&] { Buffer(64, pinned); }, "the host gives no 64 pinned bytes: ");
  expect_device_error([] { CudaPolicy::Stream(); }, "CUDA cannot make a stream: ");
  expect_device_error([] { EventRing<CudaPolicy>(4); }, "CUDA cannot make an event: ");
}

TEST(CudaMemory, OrdersWorkOfTwoStreamsOnAGpu) {
  if (!has_gpu()) GTEST_SKIP() << "needs a GPU";
  CudaMemory memory(0);
  PlannedMemory planned(1 << 20, memory);
  const Buffer device(1 << 16, planned);
  PinnedMemory pinned;
  const Buffer host(1 << 16, pinned);
  const CudaPolicy::Stream first;
  const CudaPolicy::Stream second;
  EventRing<CudaPolicy> ring(2);
  check_cuda(cudaMemsetAsync(device.data(), 7, device.size_bytes(), first.get()), "set memory");
  ring.wait(second, ring.record(first));
  check_cuda(cudaMemcpyAsync(host.data(), device.data(), host.size_bytes(), cudaMemcpyDeviceToHost,
                             second.get()),
             "copy memory");
  second.synchronize();
  for (size_t i = 0; i < host.size_bytes(); ++i) ASSERT_EQ(host.data()[i], std::byte{7}) << i;
}

}  // namespace
}  // namespace weft
