#include "weft/device/event_ring.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A device that writes down what it is asked for.
struct DiaryPolicy {
  struct Stream {
    int number;
    std::vector<std::string>* diary;
  };
  struct Event {
    int stream = -1;
  };
  static void record(Event& event, const Stream& stream) {
    event.stream = stream.number;
    stream.diary->push_back("record " + std::to_string(stream.number));
  }
  static void wait(const Stream& stream, const Event& event) {
    stream.diary->push_back(std::to_string(stream.number) + " waits for " +
                            std::to_string(event.stream));
  }
};
using Ring = EventRing<DiaryPolicy>;

template <typename Body>
std::string message_of(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::internal);
    return error.what();
  }
  return "no error";
}

TEST(EventRing, WaitsForTheStreamThatWasRecorded) {
  std::vector<std::string> diary;
  const DiaryPolicy::Stream first{1, &diary};
  const DiaryPolicy::Stream second{2, &diary};
  Ring ring(2);
  const Ring::Mark a = ring.record(first);
  const Ring::Mark b = ring.record(second);
  ring.wait(second, a);
  ring.wait(first, b);
  EXPECT_THAT(diary, ElementsAre("record 1", "record 2", "2 waits for 1", "1 waits for 2"));
}

TEST(EventRing, RefusesToWaitForWhatWasNeverRecorded) {
  std::vector<std::string> diary;
  const Ring ring(2);
  EXPECT_THAT(message_of([&] {
                ring.wait({1, &diary}, Ring::Mark{});
              }),
              HasSubstr("never recorded"));
  EXPECT_THAT(diary, ElementsAre());
}

TEST(EventRing, RefusesToWaitForAnEventThatWasUsedAgain) {
  std::vector<std::string> diary;
  const DiaryPolicy::Stream stream{1, &diary};
  Ring ring(2);
  const Ring::Mark old = ring.record(stream);
  ring.record(stream);
  ring.wait(stream, old);
  ring.record(stream);
  EXPECT_THAT(message_of([&] { ring.wait(stream, old); }),
              HasSubstr("recorded 1 times since; the ring of 2 is too small"));
}

TEST(EventRing, HoldsAtLeastOneEvent) {
  EXPECT_THAT(message_of([] { Ring(0); }), HasSubstr("no events"));
}

}  // namespace
}  // namespace weft
