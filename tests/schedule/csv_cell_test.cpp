#include "weft/schedule/csv_cell.hpp"

#include <gtest/gtest.h>

#include <string>

#include "weft/base/error.hpp"

namespace weft::schedule {
namespace {

std::string refusal(std::string_view cell) {
  try {
    parse_csv_cell(cell, {"plan.csv", 7});
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::data);
    return error.what();
  }
  return "";
}

TEST(CsvCell, KindsHaveTorchsLetters) {
  const auto expect_pair = [](const std::string& cell, const Task& task) {
    EXPECT_EQ(parse_csv_cell(cell, {}), task);
    EXPECT_EQ(csv_cell(task.chunk, task.kind, task.microbatch), cell);
  };
  expect_pair("0F0", {TaskKind::forward, 0, 0});
  expect_pair("12I3", {TaskKind::backward_input, 12, 3});
  expect_pair("1W20", {TaskKind::backward_weight, 1, 20});
  expect_pair("2147483647B2147483647", {TaskKind::backward, 2147483647, 2147483647});
  EXPECT_EQ(parse_csv_cell("007F01", {}), (Task{TaskKind::forward, 7, 1}));
}

TEST(CsvCell, UnreadableText) {
  const auto expect_unreadable = [](const std::string& cell, const std::string& shown) {
    EXPECT_EQ(refusal(cell), "plan.csv: line 7: cannot read " + shown +
                                 " (expected stage, kind and microbatch, such as 0F0)");
  };
  for (const std::string cell : {"", "hello", "F0", "1B", "12", "1.5B0", "-1B0", "1B-1", "+1B0",
                                 "1B0 1W0", "1F0x", "0x1F0", "(1F0", "\"1B0\""}) {
    expect_unreadable(cell, "\"" + cell + "\"");
  }
  expect_unreadable("1B0;1F1;1B1;1F2;1B2;1F3;1B3;1F4;1B4",
                    "\"1B0;1F1;1B1;1F2;1B2;1F3;1B3;1F4;...\"");
  expect_unreadable(std::string("1\0B0\xff", 5), "\"1\\x00B0\\xff\"");
  expect_unreadable(std::string(100000, 'x'), "\"" + std::string(32, 'x') + "...\"");
}

TEST(CsvCell, UnknownKinds) {
  for (const std::string cell : {"0X0", "0f0", "0FB0", "0D0", "0_0"}) {
    EXPECT_EQ(refusal(cell),
              "plan.csv: line 7: \"" + cell + "\" has an unknown kind (expected F, I, W or B)");
  }
}

TEST(CsvCell, OnlyComputeActions) {
  for (const std::string cell :
       {"0SEND_F0", "1RECV_B3", "0SEND_B0", "1RECV_F1", "0UNSHARD", "0RESHARD", "1REDUCE_GRAD",
        "0WAIT_SEND_F0", "1WAIT_REDUCE_GRAD"}) {
    EXPECT_EQ(refusal(cell), "plan.csv: line 7: \"" + cell +
                                 "\" is no compute action; only compute-only files are read");
  }
  try {
    parse_csv_cell("0UNSHARD", {});
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.hint(), "dump the schedule with format=\"compute_only\"");
  }
}

TEST(CsvCell, NumbersOutOfRange) {
  EXPECT_EQ(refusal("4000000000F0"),
            "plan.csv: line 7: the stage of \"4000000000F0\" is out of range (expected 0 to "
            "2147483647)");
  EXPECT_EQ(refusal("0F99999999999999999999999999999999"),
            "plan.csv: line 7: the microbatch of \"0F999999999999999999999999999999...\" is out of "
            "range (expected 0 to 2147483647)");
}

}  // namespace
}  // namespace weft::schedule
