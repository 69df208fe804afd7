#pragma once

#include <cstdint>
#include <vector>

#include "weft/comm/message.hpp"
#include "weft/comm/rank_context.hpp"

namespace weft::comm::testing {

/// One event of a program. Every rank goes through the events in their order and does its part in
/// those that concern it; no event waits for a later one, so a correct world always gets through.
struct Event {
  enum class Kind : uint8_t { collective, start, wait_all, send, take };
  Kind kind = Kind::collective;
  Operation operation = Operation::barrier;
  DType dtype = DType::f32;
  int64_t count = 0;
  int root = 0;
  size_t group = 0;    ///< of collectives
  size_t channel = 0;  ///< of links
  int64_t microbatch = 0;
  int rank = 0;  ///< of wait_all
};

struct RandomChannel {
  int from = 0;
  int to = 0;
  int num_slots = 1;
  int64_t num_microbatches = 1;
};

/// A program of collectives in random groups, blocking and asynchronous, mixed with link traffic;
/// it ends with a barrier of all ranks.
struct RandomProgram {
  int num_ranks = 2;
  std::vector<std::vector<int>> groups;
  std::vector<RandomChannel> channels;
  std::vector<Event> events;
};

/// A function of its arguments alone.
RandomProgram random_program(uint64_t seed, int num_ranks);

/// How one rank departs from the program.
struct Mutation {
  enum class Kind : uint8_t { none, skip, size, operation };
  Kind kind = Kind::none;
  int rank = 0;
  size_t event = 0;
};

/// A mutation of a collective that at least two ranks take part in, or a link message that its rank
/// does not send.
Mutation random_mutation(const RandomProgram& program, uint64_t seed);

/// The part of the context's rank. Throws Error{internal} for a wrong result.
void run_program(RankContext& context, const RandomProgram& program, const Mutation& mutation = {});

}  // namespace weft::comm::testing
