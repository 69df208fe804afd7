#include "comm/random_program.hpp"

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>

#include "weft/base/error.hpp"
#include "weft/comm/communicator.hpp"
#include "weft/comm/link_receiver.hpp"
#include "weft/comm/link_sender.hpp"

namespace weft::comm::testing {

namespace {

constexpr int64_t kLinkBytes = 8192;

class Generator {
 public:
  Generator(uint64_t seed, int num_ranks) : random_(seed) { program_.num_ranks = num_ranks; }

  RandomProgram make() {
    make_groups();
    make_channels();
    const int64_t num_events = below(40) + 10;
    for (int64_t i = 0; i < num_events; ++i) add_event();
    while (add_link_event()) {
    }
    program_.events.push_back({.kind = Event::Kind::collective, .operation = Operation::barrier});
    return std::move(program_);
  }

 private:
  int64_t below(int64_t limit) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit));
  }

  void make_groups() {
    std::vector<int> all(static_cast<size_t>(program_.num_ranks));
    std::iota(all.begin(), all.end(), 0);
    program_.groups.push_back(all);
    for (int64_t i = below(3); i > 0; --i) {
      std::vector<int> ranks = all;
      std::shuffle(ranks.begin(), ranks.end(), random_);
      ranks.resize(static_cast<size_t>(below(program_.num_ranks) + 1));
      program_.groups.push_back(ranks);
    }
  }

  void make_channels() {
    for (int64_t i = below(4); i > 0; --i) {
      program_.channels.push_back({.from = static_cast<int>(below(program_.num_ranks)),
                                   .to = static_cast<int>(below(program_.num_ranks)),
                                   .num_slots = static_cast<int>(below(3) + 1),
                                   .num_microbatches = below(8) + 1});
    }
    sent_.assign(program_.channels.size(), 0);
    taken_.resize(program_.channels.size());
  }

  void add_event() {
    const int64_t choice = below(10);
    if (choice < 4) {
      add_link_event();
    } else if (choice < 5) {
      program_.events.push_back(
          {.kind = Event::Kind::wait_all, .rank = static_cast<int>(below(program_.num_ranks))});
    } else {
      const auto group = static_cast<size_t>(below(static_cast<int64_t>(program_.groups.size())));
      const auto size = static_cast<int64_t>(program_.groups[group].size());
      constexpr std::array kTypes = {DType::f32, DType::bf16, DType::f16,
                                     DType::i32, DType::i64,  DType::u8};
      program_.events.push_back({.kind = choice < 7 ? Event::Kind::start : Event::Kind::collective,
                                 .operation = static_cast<Operation>(below(8)),
                                 .dtype = kTypes[static_cast<size_t>(below(kTypes.size()))],
                                 .count = below(4) == 0 ? below(5000) : below(40),
                                 .root = static_cast<int>(below(size)),
                                 .group = group});
    }
  }

  /// Adds a send or take that waits for no later event: a send needs the slot of the microbatch
  /// before it, because that one has to leave the out-buffer; a take needs its microbatch.
  bool add_link_event() {
    std::vector<Event> possible;
    for (size_t c = 0; c < program_.channels.size(); ++c) {
      const RandomChannel& channel = program_.channels[c];
      const auto num_taken = static_cast<int64_t>(taken_[c].size());
      if (sent_[c] < channel.num_microbatches && sent_[c] - 1 < num_taken + channel.num_slots) {
        possible.push_back({.kind = Event::Kind::send, .channel = c, .microbatch = sent_[c]});
      }
      for (int64_t m = 0; m < std::min(sent_[c], num_taken + channel.num_slots); ++m) {
        if (std::ranges::find(taken_[c], m) != taken_[c].end()) continue;
        possible.push_back({.kind = Event::Kind::take, .channel = c, .microbatch = m});
      }
    }
    if (possible.empty()) return false;
    const Event event = possible[static_cast<size_t>(below(static_cast<int64_t>(possible.size())))];
    if (event.kind == Event::Kind::send) {
      ++sent_[event.channel];
    } else {
      taken_[event.channel].push_back(event.microbatch);
    }
    program_.events.push_back(event);
    return true;
  }

  std::mt19937_64 random_;
  RandomProgram program_;
  std::vector<int64_t> sent_;
  std::vector<std::vector<int64_t>> taken_;
};

/// Runs one rank's part.
class Runner {
 public:
  Runner(RankContext& context, const RandomProgram& program, const Mutation& mutation)
      : context_(context), program_(program), mutation_(mutation) {
    for (size_t g = 0; g < program.groups.size(); ++g) {
      const auto& ranks = program.groups[g];
      const bool mine = std::ranges::find(ranks, context.rank) != ranks.end();
      groups_.push_back(
          mine ? std::make_unique<Communicator>(
                     *context.endpoint, RankGroup{.name = fmt::format("{}", g), .ranks = ranks})
               : nullptr);
    }
    for (size_t c = 0; c < program.channels.size(); ++c) {
      const RandomChannel& channel = program.channels[c];
      const LinkChannel name{.stage = static_cast<int>(c)};
      senders_.push_back(
          channel.from == context.rank
              ? std::make_unique<LinkSender>(*context.endpoint, name, channel.to, kLinkBytes)
              : nullptr);
      receivers_.push_back(channel.to == context.rank ? std::make_unique<LinkReceiver>(
                                                            *context.endpoint, name, channel.from,
                                                            kLinkBytes, channel.num_slots)
                                                      : nullptr);
      if (receivers_.back()) receivers_.back()->begin_step(channel.num_microbatches);
    }
  }

  void run() {
    for (size_t i = 0; i < program_.events.size(); ++i) run(i, program_.events[i]);
    wait_all();
  }

 private:
  struct Started {
    std::unique_ptr<Tensor> input;
    std::unique_ptr<Tensor> output;
    PendingOperation operation;
  };

  void run(size_t index, Event event) {
    const bool mutated = mutation_.rank == context_.rank && mutation_.event == index;
    switch (event.kind) {
      case Event::Kind::collective:
      case Event::Kind::start:
        if (!groups_[event.group]) return;
        if (mutated && mutation_.kind == Mutation::Kind::skip) return;
        if (mutated && mutation_.kind == Mutation::Kind::size) ++event.count;
        if (mutated && mutation_.kind == Mutation::Kind::operation) {
          event.operation = event.operation == Operation::all_reduce ? Operation::all_gather
                                                                     : Operation::all_reduce;
        }
        return run_collective(*groups_[event.group], event);
      case Event::Kind::wait_all:
        if (event.rank == context_.rank) wait_all();
        return;
      case Event::Kind::send:
        if (mutated && mutation_.kind == Mutation::Kind::skip) return;
        if (senders_[event.channel]) send(*senders_[event.channel], event);
        return;
      case Event::Kind::take:
        if (receivers_[event.channel]) take(*receivers_[event.channel], event);
        return;
    }
  }

  void run_collective(Communicator& ranks, const Event& event) {
    const int64_t all = event.count * ranks.size();
    const bool splits = event.operation == Operation::reduce_scatter ||
                        event.operation == Operation::all_to_all ||
                        event.operation == Operation::scatter;
    const bool joins = event.operation == Operation::all_gather ||
                       event.operation == Operation::all_to_all ||
                       event.operation == Operation::gather;
    auto input = std::make_unique<Tensor>(Shape{splits ? all : event.count}, event.dtype);
    auto output = std::make_unique<Tensor>(Shape{joins ? all : event.count}, event.dtype);
    PendingOperation operation = start(ranks, event, *input, *output);
    if (event.kind == Event::Kind::collective) return operation.wait();
    started_.push_back({std::move(input), std::move(output), std::move(operation)});
  }

  static PendingOperation start(Communicator& ranks, const Event& event, Tensor& input,
                                Tensor& output) {
    const bool blocks = event.kind == Event::Kind::collective;
    switch (event.operation) {
      case Operation::all_reduce:
        if (!blocks) return ranks.all_reduce_async(output);
        ranks.all_reduce(output);
        return {};
      case Operation::reduce_scatter:
        if (!blocks) return ranks.reduce_scatter_async(input, output);
        ranks.reduce_scatter(input, output);
        return {};
      case Operation::all_gather:
        if (!blocks) return ranks.all_gather_async(input, output);
        ranks.all_gather(input, output);
        return {};
      case Operation::broadcast:
        if (!blocks) return ranks.broadcast_async(output, event.root);
        ranks.broadcast(output, event.root);
        return {};
      case Operation::all_to_all:
        if (!blocks) return ranks.all_to_all_async(input, output);
        ranks.all_to_all(input, output);
        return {};
      case Operation::gather:
        if (!blocks) return ranks.gather_async(input, output, event.root);
        ranks.gather(input, output, event.root);
        return {};
      case Operation::scatter:
        if (!blocks) return ranks.scatter_async(input, output, event.root);
        ranks.scatter(input, output, event.root);
        return {};
      default:
        if (!blocks) return ranks.barrier_async();
        ranks.barrier();
        return {};
    }
  }

  static Shape shape_of(int64_t microbatch) { return {microbatch + 1, 100}; }

  static void send(LinkSender& sender, const Event& event) {
    sender.wait_free();
    const TensorView out = sender.buffer(DType::i32, shape_of(event.microbatch));
    std::ranges::fill(out.span<int32_t>(), static_cast<int32_t>(event.microbatch * 3 + 1));
    sender.send(event.microbatch, DType::i32, shape_of(event.microbatch));
  }

  void take(LinkReceiver& receiver, const Event& event) {
    receiver.wait(event.microbatch);
    const LinkTensor tensor = receiver.take(event.microbatch, saved_);
    const ConstTensorView view(saved_.data(), tensor.dtype, tensor.shape);
    const bool right = tensor.shape == shape_of(event.microbatch) &&
                       std::ranges::all_of(view.span<int32_t>(), [&](int32_t value) {
                         return value == static_cast<int32_t>(event.microbatch * 3 + 1);
                       });
    check(right, ErrorKind::internal, "microbatch {} of a link is wrong", event.microbatch);
  }

  void wait_all() {
    for (Started& one : started_) one.operation.wait();
    started_.clear();
  }

  RankContext& context_;
  const RandomProgram& program_;
  Mutation mutation_;
  Buffer saved_{kLinkBytes};
  std::vector<std::unique_ptr<Communicator>> groups_;
  std::vector<std::unique_ptr<LinkSender>> senders_;
  std::vector<std::unique_ptr<LinkReceiver>> receivers_;
  std::vector<Started> started_;
};

}  // namespace

RandomProgram random_program(uint64_t seed, int num_ranks) {
  return Generator(seed, num_ranks).make();
}

Mutation random_mutation(const RandomProgram& program, uint64_t seed) {
  std::vector<size_t> candidates;
  for (size_t i = 0; i < program.events.size(); ++i) {
    const Event& event = program.events[i];
    const bool is_collective =
        event.kind == Event::Kind::collective || event.kind == Event::Kind::start;
    if (event.kind == Event::Kind::send) candidates.push_back(i);
    if (is_collective && program.groups[event.group].size() > 1) candidates.push_back(i);
  }
  std::mt19937_64 random(seed);
  const size_t event = candidates[random() % candidates.size()];
  if (program.events[event].kind == Event::Kind::send) {
    const RandomChannel& channel = program.channels[program.events[event].channel];
    return {.kind = Mutation::Kind::skip, .rank = channel.from, .event = event};
  }
  const auto& ranks = program.groups[program.events[event].group];
  auto kind = static_cast<Mutation::Kind>(random() % 3 + 1);
  // A barrier has no size.
  const bool is_barrier = program.events[event].operation == Operation::barrier;
  if (is_barrier && kind == Mutation::Kind::size) kind = Mutation::Kind::skip;
  return {.kind = kind, .rank = ranks[random() % ranks.size()], .event = event};
}

void run_program(RankContext& context, const RandomProgram& program, const Mutation& mutation) {
  Runner(context, program, mutation).run();
}

}  // namespace weft::comm::testing
