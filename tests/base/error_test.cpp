#include "weft/base/error.hpp"

#include <gtest/gtest.h>

namespace weft {
namespace {

TEST(Error, CarriesKindHintAndPlace) {
  try {
    fail_with_hint(ErrorKind::usage, "--seq-length", "got {}, expected {}", 3, 4);
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "got 3, expected 4");
    EXPECT_EQ(error.hint(), "--seq-length");
    EXPECT_EQ(exit_code(error.kind()), 2);
    EXPECT_NE(error.where().find("error_test.cpp:"), std::string::npos) << error.where();
    return;
  }
  FAIL() << "nothing was thrown";
}

TEST(Error, CheckThrowsOnlyWhenTheConditionFails) {
  EXPECT_NO_THROW(check(true, ErrorKind::data, "unused {}", 1));
  EXPECT_THROW(check(false, ErrorKind::data, "used {}", 1), Error);
}

TEST(Error, ExitCodesAreThoseOfTheManual) {
  EXPECT_EQ(exit_code(ErrorKind::internal), 1);
  EXPECT_EQ(exit_code(ErrorKind::data), 3);
  EXPECT_EQ(exit_code(ErrorKind::checkpoint), 4);
  EXPECT_EQ(exit_code(ErrorKind::device), 5);
  EXPECT_EQ(exit_code(ErrorKind::communication), 6);
  EXPECT_EQ(exit_code(ErrorKind::numeric), 7);
}

}  // namespace
}  // namespace weft
