#include "weft/comm/mailbox.hpp"

#include <utility>

#include "weft/base/error.hpp"

namespace weft::comm {

std::optional<ArrivedMessage> Mailbox::post(const PostedReceive& receive) {
  const auto found = arrived_.find(receive.expected.key);
  if (found == arrived_.end()) {
    const bool is_new = posted_.emplace(receive.expected.key, receive).second;
    check(is_new, ErrorKind::internal, "two receives are posted for {} #{}",
          name(receive.expected.operation), receive.expected.key.sequence);
    return std::nullopt;
  }
  ArrivedMessage message = std::move(found->second);
  arrived_.erase(found);
  return message;
}

std::optional<PostedReceive> Mailbox::arrive(ArrivedMessage& message) {
  const MessageKey key = message.message.header.key;
  const auto found = posted_.find(key);
  if (found == posted_.end()) {
    const auto operation = message.message.header.operation;
    const bool is_new = arrived_.emplace(key, std::move(message)).second;
    check(is_new, ErrorKind::internal, "two messages have the key of {} #{}", name(operation),
          key.sequence);
    return std::nullopt;
  }
  const PostedReceive receive = found->second;
  posted_.erase(found);
  return receive;
}

void Mailbox::withdraw_receives(Batch& batch) {
  std::erase_if(posted_, [&](const auto& entry) {
    if (entry.second.batch != &batch) return false;
    batch.finish(entry.second.item);
    return true;
  });
}

std::vector<size_t> Mailbox::withdraw_messages(const Batch& batch) {
  std::vector<size_t> items;
  std::erase_if(arrived_, [&](const auto& entry) {
    if (entry.second.message.batch != &batch) return false;
    items.push_back(entry.second.message.item);
    return true;
  });
  return items;
}

void Mailbox::for_each_unmatched(const std::function<void(const MessageHeader&)>& visit) const {
  for (const auto& [key, message] : arrived_) visit(message.message.header);
}

}  // namespace weft::comm
