#include "weft/comm/message.hpp"

#include <fmt/format.h>
#include <immintrin.h>

#include <cstring>

namespace weft::comm {

namespace {

constexpr uint64_t kPrime = 0x9e3779b97f4a7c15U;

uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

}  // namespace

std::string_view name(Operation operation) {
  switch (operation) {
    case Operation::all_reduce:
      return "all_reduce";
    case Operation::reduce_scatter:
      return "reduce_scatter";
    case Operation::all_gather:
      return "all_gather";
    case Operation::broadcast:
      return "broadcast";
    case Operation::all_to_all:
      return "all_to_all";
    case Operation::gather:
      return "gather";
    case Operation::scatter:
      return "scatter";
    case Operation::barrier:
      return "barrier";
    case Operation::link:
      return "link";
    case Operation::leader_log:
      return "leader_log";
  }
  return "?";
}

size_t MessageKeyHash::operator()(const MessageKey& key) const {
  const uint64_t ends = static_cast<uint64_t>(static_cast<uint32_t>(key.from)) << 32 |
                        static_cast<uint32_t>(key.round);
  return mix(key.channel + kPrime * static_cast<uint64_t>(key.sequence) + mix(ends));
}

Shape MessageHeader::shape() const {
  switch (num_dims) {
    case 0:
      return {};
    case 1:
      return {sizes[0]};
    case 2:
      return {sizes[0], sizes[1]};
    case 3:
      return {sizes[0], sizes[1], sizes[2]};
    case 4:
      return {sizes[0], sizes[1], sizes[2], sizes[3]};
    case 5:
      return {sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]};
    default:
      return {sizes[0], sizes[1], sizes[2], sizes[3], sizes[4], sizes[5]};
  }
}

void MessageHeader::set_shape(const Shape& shape) {
  num_dims = static_cast<uint8_t>(shape.num_dims());
  for (size_t dim = 0; dim < shape.num_dims(); ++dim) sizes[dim] = shape[dim];
}

bool MessageHeader::same_call(const MessageHeader& other) const {
  return operation == other.operation && reduction == other.reduction && dtype == other.dtype &&
         num_dims == other.num_dims && sizes == other.sizes && root == other.root &&
         step == other.step;
}

std::string describe(const MessageHeader& header, std::string_view channel) {
  const int64_t sequence = header.key.sequence;
  const std::string operand =
      fmt::format("{} {}", weft::name(header.dtype), to_string(header.shape()));
  switch (header.operation) {
    case Operation::link:
      return fmt::format("{} microbatch {} of step {}", channel,
                         sequence & ((int64_t{1} << kMicrobatchBits) - 1),
                         sequence >> kMicrobatchBits);
    case Operation::leader_log:
      return fmt::format("entry {} of {}", sequence, channel);
    case Operation::barrier:
      return fmt::format("barrier #{} of {}", sequence, channel);
    case Operation::all_reduce:
    case Operation::reduce_scatter:
      return fmt::format("{} #{} of {} ({}, {})", name(header.operation), sequence, channel,
                         header.reduction == Reduction::sum ? "sum" : "max", operand);
    case Operation::broadcast:
    case Operation::gather:
    case Operation::scatter:
      return fmt::format("{} #{} of {} (root {}, {})", name(header.operation), sequence, channel,
                         header.root, operand);
    case Operation::all_gather:
    case Operation::all_to_all:
      break;
  }
  return fmt::format("{} #{} of {} ({})", name(header.operation), sequence, channel, operand);
}

uint64_t channel_id(std::string_view name) {
  return checksum(std::as_bytes(std::span(name.data(), name.size())));
}

uint64_t checksum(std::span<const std::byte> bytes) {
  // Four independent lanes hide the latency of the instruction.
  std::array<uint64_t, 4> lanes{1, 2, 3, 4};
  size_t at = 0;
  for (; at + 32 <= bytes.size(); at += 32) {
    std::array<uint64_t, 4> words{};
    std::memcpy(words.data(), bytes.data() + at, 32);
    for (size_t lane = 0; lane < 4; ++lane) {
      lanes[lane] = _mm_crc32_u64(lanes[lane], words[lane]);
    }
  }
  uint64_t hash = bytes.size();
  for (const uint64_t lane : lanes) hash = mix(hash ^ lane) + kPrime;
  for (; at < bytes.size(); ++at) hash = (hash ^ std::to_integer<uint64_t>(bytes[at])) * kPrime;
  return mix(hash) | 1U;  // never 0, which means "none"
}

}  // namespace weft::comm
