#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "weft/comm/batch.hpp"
#include "weft/comm/message.hpp"
#include "weft/device/memory_resource.hpp"

namespace weft::comm {

class Endpoint;

/// A message as its sender posted it. Memory belongs to the sender until the item is done.
struct OutgoingMessage {
  MessageHeader header;
  int to = 0;
  const std::byte* data = nullptr;
  Buffer* exchange = nullptr;  ///< the buffer that holds `data`, if it may be swapped for another
  Batch* batch = nullptr;      ///< null when the payload has been copied into `eager`
  size_t item = 0;
  std::vector<std::byte> eager;  ///< the payload itself, if it is small
};

/// A message as it reached its receiver: from a rank of this process, or announced by another one.
struct ArrivedMessage {
  OutgoingMessage message;
  Endpoint* sender = nullptr;  ///< owner of message.batch; null for eager and remote payloads
  int64_t remote_id = -1;      ///< under which another process holds the payload, else -1
  int64_t remote_offset = -1;  ///< where the payload lies in that process's SharedMemory, else -1
};

/// A message that a rank waits for.
struct PostedReceive {
  MessageHeader expected;
  bool any_shape = false;  ///< take whatever type and shape fits into `capacity`
  std::byte* data = nullptr;
  int64_t capacity = 0;
  Buffer* exchange = nullptr;           ///< the buffer at `data`, if it may be swapped
  MessageHeader* header_out = nullptr;  ///< where the header of the message goes; may be null
  Batch* batch = nullptr;
  size_t item = 0;
};

/// Brings receives and messages of one rank together by key, whichever comes first. Not locked: the
/// endpoint that owns it does that.
class Mailbox {
 public:
  /// The message of this key if it is here, removed; else keeps the receive for it.
  std::optional<ArrivedMessage> post(const PostedReceive& receive);
  /// The receive of this key if it is posted, removed; else keeps the message for it.
  std::optional<PostedReceive> arrive(ArrivedMessage& message);

  /// Removes the receives of `batch` and marks their items done.
  void withdraw_receives(Batch& batch);
  /// Removes the messages of `batch` and returns their items.
  std::vector<size_t> withdraw_messages(const Batch& batch);

  /// Calls `visit` with every message that nobody has asked for.
  void for_each_unmatched(const std::function<void(const MessageHeader&)>& visit) const;

 private:
  std::unordered_map<MessageKey, PostedReceive, MessageKeyHash> posted_;
  std::unordered_map<MessageKey, ArrivedMessage, MessageKeyHash> arrived_;
};

}  // namespace weft::comm
