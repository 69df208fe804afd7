#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

#include "weft/tensor/dtype.hpp"
#include "weft/tensor/shape.hpp"

namespace weft::comm {

/// What a message belongs to.
enum class Operation : uint8_t {
  all_reduce,
  reduce_scatter,
  all_gather,
  broadcast,
  all_to_all,
  gather,
  scatter,
  barrier,
  link,
  leader_log,
};

/// "all_reduce", "link", ...
std::string_view name(Operation operation);

/// How contributions become one value.
enum class Reduction : uint8_t { sum, max };

/// Names one message; both ends name it alike, so that order of arrival means nothing. The
/// microbatch of a link message is the low kMicrobatchBits bits of `sequence`, its step the rest.
struct MessageKey {
  uint64_t channel = 0;  ///< group, link channel or log
  int64_t sequence = 0;  ///< which operation of the channel
  int32_t from = 0;      ///< sending rank of the world
  int32_t round = 0;     ///< part of the operation

  friend bool operator==(const MessageKey&, const MessageKey&) = default;
};

struct MessageKeyHash {
  size_t operator()(const MessageKey& key) const;
};

inline constexpr int kMicrobatchBits = 24;

/// Travels before the payload: what both ends must agree on.
struct MessageHeader {
  MessageKey key;
  uint64_t job = 0;       ///< which run of a world; messages of another are refused
  int64_t step = 0;       ///< training step of the sender
  int64_t bytes = 0;      ///< of the payload
  uint64_t checksum = 0;  ///< of the payload; 0 in builds without asserts
  std::array<int64_t, Shape::kMaxDims> sizes{};  ///< of the whole operand, not of the piece
  int32_t root = -1;                             ///< of rooted operations
  Operation operation = Operation::barrier;
  Reduction reduction = Reduction::sum;
  DType dtype = DType::u8;
  uint8_t num_dims = 0;

  Shape shape() const;
  void set_shape(const Shape& shape);
  /// Whether both describe the same call: operation, reduction, type, shape, root and step.
  bool same_call(const MessageHeader& other) const;
};
static_assert(std::is_trivially_copyable_v<MessageHeader>);

/// "all_reduce #3 of group world (sum, f32 [17])"; `channel` is the channel's name.
std::string describe(const MessageHeader& header, std::string_view channel);

/// Id of a channel: a hash of its name, equal on all ranks and in all processes.
uint64_t channel_id(std::string_view name);

/// Hash of a payload that finds changed, missing and moved bytes; not cryptographic.
uint64_t checksum(std::span<const std::byte> bytes);

/// Whether this build checks payloads: builds with asserts do.
#ifdef NDEBUG
inline constexpr bool kChecksums = false;
#else
inline constexpr bool kChecksums = true;
#endif

}  // namespace weft::comm
