#include "weft/comm/link_channel.hpp"

#include <fmt/format.h>

#include <cassert>

namespace weft::comm {

std::string describe(const LinkChannel& channel) {
  return fmt::format("link {} of stage {} chunk {} of pipeline {}",
                     channel.kind == LinkKind::activation ? "activation" : "gradient",
                     channel.stage, channel.chunk, channel.pipeline);
}

MessageHeader link_header(uint64_t channel, int64_t step, int64_t microbatch) {
  assert(microbatch >= 0 && microbatch < int64_t{1} << kMicrobatchBits);
  MessageHeader header;
  header.operation = Operation::link;
  header.key.channel = channel;
  header.key.sequence = (step << kMicrobatchBits) | microbatch;
  header.step = step;
  return header;
}

}  // namespace weft::comm
