// The bytes are those that TensorBoard 2.21's own protocol buffers and record writer give for the
// same events.
#include "weft/observe/event_record.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace weft::observe {
namespace {

constexpr double kTime = 1700000000.25;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<uint8_t>(byte));
  return text;
}

TEST(EventRecord, Version) {
  EXPECT_EQ(hex(version_event(kTime)), "0900001040fc54d9411a0d627261696e2e4576656e743a32");
}

TEST(EventRecord, Scalar) {
  EXPECT_EQ(hex(scalar_event(kTime, 300, "lm loss", 0.1F)),
            "0900001040fc54d94110ac022a100a0e0a076c6d206c6f737315cdcccc3d");
}

TEST(EventRecord, TheStepZeroIsLeftOutAndTheValueZeroIsNot) {
  EXPECT_EQ(hex(scalar_event(kTime, 0, "a", 0.0F)), "0900001040fc54d9412a0a0a080a01611500000000");
}

TEST(EventRecord, Text) {
  EXPECT_EQ(hex(text_event(kTime, 7, "optimizer", "adam")),
            "0900001040fc54d94110072a340a320a166f7074696d697a65722f746578745f73756d6d617279"
            "420e080712041202080142046164616d4a080a060a0474657874");
}

TEST(EventRecord, Frame) {
  EXPECT_EQ(hex(framed(scalar_event(kTime, 300, "lm loss", 0.1F))),
            "1e00000000000000d9dc1232"
            "0900001040fc54d94110ac022a100a0e0a076c6d206c6f737315cdcccc3d"
            "1e510f4b");
  EXPECT_EQ(hex(framed(version_event(kTime))),
            "1800000000000000a37f4b22"
            "0900001040fc54d9411a0d627261696e2e4576656e743a32"
            "338d2fe9");
}

}  // namespace
}  // namespace weft::observe
