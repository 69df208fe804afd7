#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "weft/comm/collective.hpp"
#include "weft/comm/endpoint.hpp"
#include "weft/comm/pending_operation.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::comm {

class CollectiveWorker;

/// Ranks that do collectives together. All of them name the group alike and list its ranks in the
/// same order; a rank's place in the list is its rank in the group.
struct RankGroup {
  std::string name;        ///< as reports show it: "world", "tp of rank 0"
  std::vector<int> ranks;  ///< of the world

  /// All ranks of a world of that size, called "world".
  static RankGroup world(int world_size);
};

/// Collectives among the ranks of a group. Every rank of the group calls the same operations with
/// the same types and sizes in the same order; whoever differs ends the world with an error that
/// names both calls. Sums and maxima combine contributions in group-rank order for every element,
/// low precision in fp32 and rounded once, so the bits depend neither on the size nor on the kind
/// of world; integer sums wrap around. A NaN is a maximum.
///
/// Blocking calls throw Error{communication} when the deadline passes or the world fails. Each has
/// an asynchronous twin that returns at once: operands stay untouched until its wait() returns.
/// Asynchronous operations of one communicator run in their order on a thread of their own.
/// Used by one thread at a time.
class Communicator {
 public:
  /// `group` must contain the endpoint's rank. The endpoint outlives the communicator.
  Communicator(Endpoint& endpoint, RankGroup group);
  ~Communicator();
  Communicator(const Communicator&) = delete;
  Communicator& operator=(const Communicator&) = delete;

  int rank() const { return team_.rank; }  ///< in the group
  int size() const { return static_cast<int>(group_.ranks.size()); }
  const RankGroup& group() const { return group_; }
  Endpoint& endpoint() const { return endpoint_; }

  /// Element-wise over the ranks; the result replaces `data` on all of them.
  void all_reduce(TensorView data, Reduction reduction = Reduction::sum);
  /// `input` is size() pieces as large as `output`; rank r gets the reduction of piece r.
  void reduce_scatter(ConstTensorView input, TensorView output,
                      Reduction reduction = Reduction::sum);
  /// `output` is size() pieces as large as `input`; piece r comes from rank r. `input` may be this
  /// rank's piece of `output`.
  void all_gather(ConstTensorView input, TensorView output);
  /// `data` of group rank `root` on all ranks.
  void broadcast(TensorView data, int root);
  /// Piece j of `input` goes to rank j, which puts it where its piece of this rank's number is.
  void all_to_all(ConstTensorView input, TensorView output);
  /// As all_gather, for group rank `root` only; `output` is ignored elsewhere.
  void gather(ConstTensorView input, TensorView output, int root);
  /// Piece r of the root's `input` goes to `output` of rank r; `input` is ignored elsewhere.
  void scatter(ConstTensorView input, TensorView output, int root);
  /// Returns when all ranks have called it.
  void barrier();

  [[nodiscard]] PendingOperation all_reduce_async(TensorView data,
                                                  Reduction reduction = Reduction::sum);
  [[nodiscard]] PendingOperation reduce_scatter_async(ConstTensorView input, TensorView output,
                                                      Reduction reduction = Reduction::sum);
  [[nodiscard]] PendingOperation all_gather_async(ConstTensorView input, TensorView output);
  [[nodiscard]] PendingOperation broadcast_async(TensorView data, int root);
  [[nodiscard]] PendingOperation all_to_all_async(ConstTensorView input, TensorView output);
  [[nodiscard]] PendingOperation gather_async(ConstTensorView input, TensorView output, int root);
  [[nodiscard]] PendingOperation scatter_async(ConstTensorView input, TensorView output, int root);
  [[nodiscard]] PendingOperation barrier_async();

 private:
  CollectiveCall prepare(CollectiveCall call);
  void run(const CollectiveCall& call);
  PendingOperation start(const CollectiveCall& call);

  Endpoint& endpoint_;
  RankGroup group_;
  CollectiveTeam team_;
  CollectiveLane lane_;
  int64_t next_sequence_ = 0;
  std::unique_ptr<CollectiveWorker> worker_;  // made by the first asynchronous operation
};

}  // namespace weft::comm
