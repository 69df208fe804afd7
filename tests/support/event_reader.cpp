#include "support/event_reader.hpp"

#include <algorithm>
#include <bit>
#include <stdexcept>
#include <string_view>

#include "support/temp_dir.hpp"

namespace weft::testing {

namespace {

// Bit by bit, unlike the writer's table.
uint32_t masked_crc(std::string_view data) {
  uint32_t crc = 0xFFFFFFFF;
  for (const char c : data) {
    crc ^= static_cast<uint8_t>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (0x82F63B78 * (crc & 1));
  }
  return std::rotr(~crc, 15) + 0xa282ead8;
}

std::string_view take(std::string_view& rest, size_t size) {
  if (rest.size() < size) throw std::runtime_error("an event file ends early");
  const std::string_view taken = rest.substr(0, size);
  rest.remove_prefix(size);
  return taken;
}

uint64_t take_number(std::string_view& rest, size_t size) {
  uint64_t number = 0;
  const std::string_view bytes = take(rest, size);
  for (size_t i = 0; i < size; ++i) number |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  return number;
}

uint64_t take_varint(std::string_view& rest) {
  uint64_t number = 0;
  for (int shift = 0;; shift += 7) {
    const uint64_t byte = take_number(rest, 1);
    number |= (byte & 0x7F) << shift;
    if (byte < 0x80) return number;
  }
}

/// One field of a message: a number or bytes.
struct Field {
  uint64_t id = 0;
  uint64_t number = 0;
  std::string_view bytes;
};

Field take_field(std::string_view& rest) {
  const uint64_t key = take_varint(rest);
  Field field{.id = key >> 3, .number = 0, .bytes = {}};
  switch (key & 7) {
    case 0:
      field.number = take_varint(rest);
      break;
    case 1:
      field.number = take_number(rest, 8);
      break;
    case 2:
      field.bytes = take(rest, take_varint(rest));
      break;
    case 5:
      field.number = take_number(rest, 4);
      break;
    default:
      throw std::runtime_error("an event has a field of an unknown type");
  }
  return field;
}

/// The bytes of field `id` of `message`, which must be there.
std::string_view inner(std::string_view message, uint64_t id) {
  while (!message.empty()) {
    const Field field = take_field(message);
    if (field.id == id) return field.bytes;
  }
  throw std::runtime_error("an event lacks a field");
}

void read_value(std::string_view message, Event& event) {
  while (!message.empty()) {
    const Field field = take_field(message);
    if (field.id == 1) event.tag = field.bytes;
    if (field.id == 2) event.value = std::bit_cast<float>(static_cast<uint32_t>(field.number));
    if (field.id == 8) event.text = inner(field.bytes, 8);
  }
}

Event read_event(std::string_view message) {
  Event event;
  while (!message.empty()) {
    const Field field = take_field(message);
    if (field.id == 1) event.wall_time = std::bit_cast<double>(field.number);
    if (field.id == 2) event.step = static_cast<int64_t>(field.number);
    if (field.id == 3) event.file_version = field.bytes;
    if (field.id == 5) read_value(inner(field.bytes, 1), event);
  }
  return event;
}

}  // namespace

std::vector<Event> read_events(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  std::vector<Event> events;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view head = rest.substr(0, 8);
    const uint64_t length = take_number(rest, 8);
    const bool head_right = take_number(rest, 4) == masked_crc(head);
    const std::string_view message = take(rest, length);
    if (!head_right || take_number(rest, 4) != masked_crc(message)) {
      throw std::runtime_error("an event has a wrong checksum");
    }
    events.push_back(read_event(message));
  }
  return events;
}

std::vector<std::filesystem::path> event_files(const std::filesystem::path& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.path().filename().string().starts_with("events.out.tfevents.")) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

std::vector<Event> points(const std::vector<Event>& events, const std::string& tag) {
  std::vector<Event> found;
  std::ranges::copy_if(events, std::back_inserter(found),
                       [&](const Event& event) { return event.tag == tag; });
  return found;
}

}  // namespace weft::testing
