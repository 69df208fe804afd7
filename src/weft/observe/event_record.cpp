#include "weft/observe/event_record.hpp"

#include <bit>
#include <type_traits>

#include "weft/observe/crc32c.hpp"

namespace weft::observe {

namespace {

constexpr uint64_t kStringType = 7;          // DT_STRING
constexpr uint32_t kMaskDelta = 0xa282ead8;  // of TFRecord's checksums

template <typename Word>
void append_little_endian(std::string& out, Word word) {
  static_assert(std::is_unsigned_v<Word>);
  for (size_t byte = 0; byte < sizeof(Word); ++byte) {
    out += static_cast<char>((word >> (8 * byte)) & 0xFF);
  }
}

uint32_t masked_crc(std::string_view data) { return std::rotr(crc32c(data), 15) + kMaskDelta; }

/// A protocol buffer field by field, in the order of their numbers.
class Message {
 public:
  Message& integer(uint32_t field, uint64_t value) {
    key(field, 0);
    varint(value);
    return *this;
  }
  Message& real(uint32_t field, double value) {
    key(field, 1);
    append_little_endian(bytes_, std::bit_cast<uint64_t>(value));
    return *this;
  }
  Message& real(uint32_t field, float value) {
    key(field, 5);
    append_little_endian(bytes_, std::bit_cast<uint32_t>(value));
    return *this;
  }
  Message& text(uint32_t field, std::string_view value) {
    key(field, 2);
    varint(value.size());
    bytes_ += value;
    return *this;
  }
  Message& message(uint32_t field, const Message& value) { return text(field, value.bytes_); }
  const std::string& bytes() const { return bytes_; }

 private:
  void key(uint32_t field, uint32_t wire_type) { varint(field << 3 | wire_type); }
  void varint(uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(0x80 | (value & 0x7F));
    bytes_ += static_cast<char>(value);
  }

  std::string bytes_;
};

// The numbers of the fields are those of tensorboard/compat/proto: event, summary, tensor.
std::string summary_event(double wall_time, int64_t step, const Message& value) {
  Message event;
  event.real(1, wall_time);
  if (step != 0) event.integer(2, static_cast<uint64_t>(step));
  return event.message(5, Message().message(1, value)).bytes();
}

}  // namespace

std::string version_event(double wall_time) {
  return Message().real(1, wall_time).text(3, "brain.Event:2").bytes();
}

std::string scalar_event(double wall_time, int64_t step, std::string_view tag, float value) {
  return summary_event(wall_time, step, Message().text(1, tag).real(2, value));
}

std::string text_event(double wall_time, int64_t step, std::string_view tag,
                       std::string_view text) {
  const Message one_element = Message().message(2, Message().integer(1, 1));
  const Message tensor = Message().integer(1, kStringType).message(2, one_element).text(8, text);
  const Message metadata = Message().message(1, Message().text(1, "text"));
  return summary_event(wall_time, step,
                       Message()
                           .text(1, std::string(tag) + "/text_summary")
                           .message(8, tensor)
                           .message(9, metadata));
}

std::string framed(std::string_view event) {
  std::string record;
  append_little_endian(record, uint64_t{event.size()});
  append_little_endian(record, masked_crc(record));
  record += event;
  append_little_endian(record, masked_crc(event));
  return record;
}

}  // namespace weft::observe
