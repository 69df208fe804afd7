#include "weft/comm/link_sender.hpp"

#include <cassert>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::comm {

LinkSender::LinkSender(Endpoint& endpoint, const LinkChannel& channel, int peer,
                       int64_t buffer_bytes)
    : LinkSender(endpoint, channel, peer, buffer_bytes, endpoint.link_memory(peer)) {}

LinkSender::LinkSender(Endpoint& endpoint, const LinkChannel& channel, int peer,
                       int64_t buffer_bytes, MemoryResource& resource)
    : endpoint_(endpoint),
      peer_(peer),
      channel_(endpoint.name_channel(describe(channel))),
      buffer_(static_cast<size_t>(buffer_bytes), resource) {}

LinkSender::~LinkSender() {
  if (operation_ < 0) return;
  if (std::uncaught_exceptions() > exceptions_ && !is_free()) endpoint_.abandon(last_);
  endpoint_.settle(batch_, last_);
}

bool LinkSender::is_free() {
  return endpoint_.locked([&] { return batch_.pending == 0; });
}

void LinkSender::wait_free() {
  endpoint_.wait(batch_, last_);
  if (operation_ >= 0) endpoint_.end_operation(operation_);
}

TensorView LinkSender::buffer(DType dtype, const Shape& shape) {
  assert(is_free());
  const TensorView view(buffer_.data(), dtype, shape);
  check(view.size_bytes() <= buffer_.size_bytes(), ErrorKind::internal,
        "a tensor {} {} of {} bytes does not fit the link's buffers of {} bytes", weft::name(dtype),
        to_string(shape), view.size_bytes(), buffer_.size_bytes());
  return view;
}

void LinkSender::send(int64_t microbatch, DType dtype, const Shape& shape) {
  const TensorView view = buffer(dtype, shape);
  wait_free();
  last_ = link_header(channel_, endpoint_.step(), microbatch);
  last_.dtype = dtype;
  last_.set_shape(shape);
  last_.bytes = static_cast<int64_t>(view.size_bytes());
  operation_ = endpoint_.begin_operation(last_);
  endpoint_.send(batch_, last_, peer_, buffer_.data(), &buffer_);
}

void LinkSender::send(int64_t microbatch, DType dtype, const Shape& shape, Buffer& full) {
  check(full.size_bytes() == buffer_.size_bytes(), ErrorKind::internal,
        "a buffer of {} bytes is exchanged for a link's buffer of {} bytes", full.size_bytes(),
        buffer_.size_bytes());
  wait_free();
  std::swap(buffer_, full);
  send(microbatch, dtype, shape);
}

}  // namespace weft::comm
