#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "weft/comm/batch.hpp"
#include "weft/comm/endpoint.hpp"
#include "weft/comm/message.hpp"
#include "weft/device/memory_resource.hpp"

namespace weft::comm {

/// The ranks of a group as a collective sees them.
struct CollectiveTeam {
  std::span<const int> ranks;  ///< of the world, by group rank
  int rank = 0;                ///< own group rank
  uint64_t channel = 0;

  int size() const { return static_cast<int>(ranks.size()); }
};

/// One collective operation of one rank.
struct CollectiveCall {
  MessageHeader header;  ///< operation, type, root, sequence, step; shape is [elements] below
  const std::byte* input = nullptr;
  std::byte* output = nullptr;
  int64_t elements = 0;  ///< of `data`, or of one rank's piece
};

/// What one thread needs to run collectives one after the other; keeps its memory between them.
class CollectiveLane {
 public:
  CollectiveLane(Endpoint& endpoint, const CollectiveTeam& team)
      : endpoint_(endpoint), team_(team) {}

  /// Runs the operation to its end; throws as Endpoint::wait does.
  void run(const CollectiveCall& call);

 private:
  void exchange(const CollectiveCall& call);
  void all_reduce(const CollectiveCall& call);
  void all_reduce_small(const CollectiveCall& call);
  void reduce_scatter(const CollectiveCall& call);
  void all_gather(const CollectiveCall& call);
  void broadcast(const CollectiveCall& call);
  void all_to_all(const CollectiveCall& call);
  void gather(const CollectiveCall& call);
  void scatter(const CollectiveCall& call);
  void barrier(const CollectiveCall& call);

  /// Calls `post(group_rank)` for every other rank, each rank starting with its successor.
  template <typename Post>
  void for_each_other(Post post);
  void send(const CollectiveCall& call, int round, int to, const std::byte* data, int64_t bytes);
  void receive(const CollectiveCall& call, int round, int from, std::byte* data, int64_t bytes);
  void wait(const CollectiveCall& call) { endpoint_.wait(batch_, call.header); }
  /// Room for `bytes` on top of nothing: the content of earlier room is lost.
  std::byte* scratch(int64_t bytes);
  /// Receives `piece_bytes` from every other rank in `round` while `post_sends` sends, and reduces
  /// them with `own` in rank order into `output`.
  template <typename PostSends>
  void reduce_piece(const CollectiveCall& call, const std::byte* own, std::byte* output,
                    int64_t elements, PostSends post_sends);

  Endpoint& endpoint_;
  CollectiveTeam team_;
  Batch batch_;
  Buffer scratch_;
  std::vector<const std::byte*> contributions_;
};

}  // namespace weft::comm
