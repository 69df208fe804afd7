#include "weft/comm/communicator.hpp"

#include <algorithm>
#include <numeric>

#include "weft/base/error.hpp"
#include "weft/comm/collective_worker.hpp"

namespace weft::comm {

namespace {

MessageHeader header_of(Operation operation, DType dtype, int root = -1,
                        Reduction reduction = Reduction::sum) {
  MessageHeader header;
  header.operation = operation;
  header.dtype = dtype;
  header.root = root;
  header.reduction = reduction;
  return header;
}

const std::byte* bytes_of(ConstTensorView view) {
  return static_cast<const std::byte*>(view.raw());
}

std::byte* bytes_of(TensorView view) { return static_cast<std::byte*>(view.raw()); }

CollectiveTeam team_of(Endpoint& endpoint, const RankGroup& group) {
  const auto found = std::ranges::find(group.ranks, endpoint.rank());
  check(found != group.ranks.end(), ErrorKind::internal,
        "rank {} is not in the group {} of {} ranks", endpoint.rank(), group.name,
        group.ranks.size());
  return {.ranks = group.ranks,
          .rank = static_cast<int>(found - group.ranks.begin()),
          .channel = endpoint.open_channel("group " + group.name, group.ranks)};
}

/// `whole` has to be `size` pieces like `piece`.
void check_pieces(Operation operation, ConstTensorView whole, ConstTensorView piece, int size) {
  check(whole.dtype() == piece.dtype() && whole.num_elements() == piece.num_elements() * size,
        ErrorKind::internal, "{} of {} {} and {} {}; expected {} pieces of equal size and type",
        name(operation), weft::name(whole.dtype()), to_string(whole.shape()),
        weft::name(piece.dtype()), to_string(piece.shape()), size);
}

}  // namespace

RankGroup RankGroup::world(int world_size) {
  RankGroup group{.name = "world", .ranks = std::vector<int>(static_cast<size_t>(world_size))};
  std::iota(group.ranks.begin(), group.ranks.end(), 0);
  return group;
}

Communicator::Communicator(Endpoint& endpoint, RankGroup group)
    : endpoint_(endpoint),
      group_(std::move(group)),
      team_(team_of(endpoint, group_)),
      lane_(endpoint, team_) {}

Communicator::~Communicator() = default;

CollectiveCall Communicator::prepare(CollectiveCall call) {
  check(call.header.root < size(), ErrorKind::internal, "{} has root {}; expected at most {}",
        name(call.header.operation), call.header.root, size() - 1);
  call.header.key.channel = team_.channel;
  call.header.key.sequence = next_sequence_++;
  call.header.key.from = endpoint_.rank();
  call.header.step = endpoint_.step();
  call.header.set_shape({call.elements});
  return call;
}

void Communicator::run(const CollectiveCall& call) { lane_.run(prepare(call)); }

PendingOperation Communicator::start(const CollectiveCall& call) {
  if (!worker_) worker_ = std::make_unique<CollectiveWorker>(endpoint_, team_);
  return worker_->start(prepare(call));
}

namespace {

CollectiveCall all_reduce_call(TensorView data, Reduction reduction) {
  return {.header = header_of(Operation::all_reduce, data.dtype(), -1, reduction),
          .output = bytes_of(data),
          .elements = data.num_elements()};
}

CollectiveCall reduce_scatter_call(ConstTensorView input, TensorView output, Reduction reduction,
                                   int size) {
  check_pieces(Operation::reduce_scatter, input, output, size);
  return {.header = header_of(Operation::reduce_scatter, output.dtype(), -1, reduction),
          .input = bytes_of(input),
          .output = bytes_of(output),
          .elements = output.num_elements()};
}

CollectiveCall all_gather_call(ConstTensorView input, TensorView output, int size) {
  check_pieces(Operation::all_gather, output, input, size);
  return {.header = header_of(Operation::all_gather, input.dtype()),
          .input = bytes_of(input),
          .output = bytes_of(output),
          .elements = input.num_elements()};
}

CollectiveCall broadcast_call(TensorView data, int root) {
  return {.header = header_of(Operation::broadcast, data.dtype(), root),
          .output = bytes_of(data),
          .elements = data.num_elements()};
}

CollectiveCall all_to_all_call(ConstTensorView input, TensorView output, int size) {
  check(input.dtype() == output.dtype() && input.num_elements() == output.num_elements() &&
            input.num_elements() % size == 0,
        ErrorKind::internal, "all_to_all of {} {} to {} {}; expected equal sizes divisible by {}",
        weft::name(input.dtype()), to_string(input.shape()), weft::name(output.dtype()),
        to_string(output.shape()), size);
  return {.header = header_of(Operation::all_to_all, input.dtype()),
          .input = bytes_of(input),
          .output = bytes_of(output),
          .elements = input.num_elements() / size};
}

CollectiveCall gather_call(ConstTensorView input, TensorView output, int root,
                           const Communicator& ranks) {
  if (ranks.rank() == root) check_pieces(Operation::gather, output, input, ranks.size());
  return {.header = header_of(Operation::gather, input.dtype(), root),
          .input = bytes_of(input),
          .output = bytes_of(output),
          .elements = input.num_elements()};
}

CollectiveCall scatter_call(ConstTensorView input, TensorView output, int root,
                            const Communicator& ranks) {
  if (ranks.rank() == root) check_pieces(Operation::scatter, input, output, ranks.size());
  return {.header = header_of(Operation::scatter, output.dtype(), root),
          .input = bytes_of(input),
          .output = bytes_of(output),
          .elements = output.num_elements()};
}

CollectiveCall barrier_call() { return {.header = header_of(Operation::barrier, DType::u8)}; }

}  // namespace

void Communicator::all_reduce(TensorView data, Reduction reduction) {
  run(all_reduce_call(data, reduction));
}

void Communicator::reduce_scatter(ConstTensorView input, TensorView output, Reduction reduction) {
  run(reduce_scatter_call(input, output, reduction, size()));
}

void Communicator::all_gather(ConstTensorView input, TensorView output) {
  run(all_gather_call(input, output, size()));
}

void Communicator::broadcast(TensorView data, int root) { run(broadcast_call(data, root)); }

void Communicator::all_to_all(ConstTensorView input, TensorView output) {
  run(all_to_all_call(input, output, size()));
}

void Communicator::gather(ConstTensorView input, TensorView output, int root) {
  run(gather_call(input, output, root, *this));
}

void Communicator::scatter(ConstTensorView input, TensorView output, int root) {
  run(scatter_call(input, output, root, *this));
}

void Communicator::barrier() { run(barrier_call()); }

PendingOperation Communicator::all_reduce_async(TensorView data, Reduction reduction) {
  return start(all_reduce_call(data, reduction));
}

PendingOperation Communicator::reduce_scatter_async(ConstTensorView input, TensorView output,
                                                    Reduction reduction) {
  return start(reduce_scatter_call(input, output, reduction, size()));
}

PendingOperation Communicator::all_gather_async(ConstTensorView input, TensorView output) {
  return start(all_gather_call(input, output, size()));
}

PendingOperation Communicator::broadcast_async(TensorView data, int root) {
  return start(broadcast_call(data, root));
}

PendingOperation Communicator::all_to_all_async(ConstTensorView input, TensorView output) {
  return start(all_to_all_call(input, output, size()));
}

PendingOperation Communicator::gather_async(ConstTensorView input, TensorView output, int root) {
  return start(gather_call(input, output, root, *this));
}

PendingOperation Communicator::scatter_async(ConstTensorView input, TensorView output, int root) {
  return start(scatter_call(input, output, root, *this));
}

PendingOperation Communicator::barrier_async() { return start(barrier_call()); }

}  // namespace weft::comm
