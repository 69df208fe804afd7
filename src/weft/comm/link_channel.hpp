#pragma once

#include <cstdint>
#include <string>

#include "weft/comm/message.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::comm {

/// What travels between stages.
enum class LinkKind : uint8_t {
  activation,  ///< to the next stage, after a forward
  gradient,    ///< to the previous stage, after a backward
};

/// One way between two stages. Both ends name it by what the sending stage produces.
struct LinkChannel {
  int stage = 0;  ///< the sending stage of the pipeline
  int chunk = 0;  ///< the sending stage's model chunk
  LinkKind kind = LinkKind::activation;
  std::string pipeline = "0";  ///< tells the pipelines of different replicas apart

  friend bool operator==(const LinkChannel&, const LinkChannel&) = default;
};

/// "link activation of stage 2 chunk 0 of pipeline 0"
std::string describe(const LinkChannel& channel);

/// The header of the message of one microbatch; `step` of training. Microbatches are below
/// 2^kMicrobatchBits.
MessageHeader link_header(uint64_t channel, int64_t step, int64_t microbatch);

}  // namespace weft::comm
