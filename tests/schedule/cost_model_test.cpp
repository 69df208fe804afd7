#include "weft/schedule/cost_model.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

#include "weft/base/error.hpp"
#include "weft/schedule/jitter.hpp"

namespace weft::schedule {
namespace {

constexpr TaskKind kF = TaskKind::forward;
constexpr TaskKind kB = TaskKind::backward_input;
constexpr TaskKind kW = TaskKind::backward_weight;
constexpr TaskKind kD = TaskKind::backward;

CostModel shape(int64_t ranks, int64_t virtual_chunks, int64_t microbatches) {
  CostModel model;
  model.num_ranks = ranks;
  model.virtual_chunks = virtual_chunks;
  model.num_microbatches = microbatches;
  return model;
}

TEST(CostModel, AtomsMakeTwoChunksPossible) {
  const std::vector<std::pair<int64_t, int64_t>> atoms = {{1, 2}, {2, 2}, {3, 6}, {4, 4}, {5, 10}};
  for (const auto& [virtual_chunks, expected] : atoms) {
    EXPECT_EQ(shape(1, virtual_chunks, 1).num_atoms(), expected);
    EXPECT_EQ(shape(1, virtual_chunks, 1).atoms_per_unit(), expected / virtual_chunks);
  }
}

// A.1: whatever the chunks, a rank works 3 VPP M.
TEST(CostModel, EveryChunkingHasTheSameWork) {
  for (const int64_t virtual_chunks : {1, 2, 3, 4}) {
    const CostModel model = shape(3, virtual_chunks, 5);
    for (int64_t chunks = 1; chunks <= model.num_atoms(); ++chunks) {
      if (model.num_atoms() % chunks != 0) continue;
      for (const Mapping mapping : {Mapping::loop, Mapping::wave}) {
        const Graph graph = make_graph(model, mapping, chunks, true);
        int64_t charges = 0;
        for (int64_t rank = 0; rank < 3; ++rank) {
          EXPECT_NEAR(graph.work(rank), static_cast<double>(3 * virtual_chunks * 5), 1e-9);
          charges += graph.least_cap(rank);
        }
        EXPECT_EQ(charges, 3 * model.num_atoms());
        const double chunk = static_cast<double>(virtual_chunks) / static_cast<double>(chunks);
        EXPECT_NEAR(graph.duration(kD, 0, 0), 2 * chunk, 1e-12);
      }
    }
  }
}

TEST(CostModel, CostsWeightsAndRankFactorsMultiply) {
  CostModel model = shape(2, 2, 3);
  model.forward = 1;
  model.backward_input = 2;
  model.backward_weight = 4;
  model.rank_slowdown = slow_rank(2, 1, 1.5);
  model.atom_weight = {1, 2, 3, 5};
  const Graph loop = make_graph(model, Mapping::loop, 2, true);  // stages of one atom
  EXPECT_EQ(loop.duration(kF, 1, 0), 2 * 1.5);
  EXPECT_EQ(loop.duration(kB, 2, 2), 2 * 3);
  EXPECT_EQ(loop.duration(kW, 3, 1), 4 * 5 * 1.5);
  const Graph wave = make_graph(model, Mapping::wave, 2, true);  // stage 3 on rank 0
  EXPECT_EQ(wave.duration(kW, 3, 1), 4 * 5);
  const Graph whole = make_graph(model, Mapping::loop, 1, false);  // stages of two atoms
  EXPECT_EQ(whole.duration(kD, 1, 0), (2 + 4) * (3 + 5) * 1.5);
  EXPECT_EQ(whole.charge(1), 2);
  EXPECT_FALSE(whole.splits_backward());
}

TEST(CostModel, LatencyIsOfMessagesBetweenRanks) {
  CostModel model = shape(2, 2, 1);
  model.latency = 0.5;
  const Graph loop = make_graph(model, Mapping::loop, 2, true);
  EXPECT_EQ(loop.forward_latency(0, 0), 0);
  EXPECT_EQ(loop.forward_latency(2, 0), 0.5);  // wraps round
  EXPECT_EQ(loop.backward_latency(1, 0), 0.5);
  EXPECT_EQ(loop.backward_latency(3, 0), 0);
  const Graph wave = make_graph(model, Mapping::wave, 2, true);
  EXPECT_EQ(wave.forward_latency(1, 0), 0.5);
  EXPECT_EQ(wave.forward_latency(2, 0), 0);  // turns on rank 1
  EXPECT_EQ(wave.backward_latency(1, 0), 0);
}

TEST(CostModel, JitterIsPerAtomAndLengthPerMicrobatch) {
  CostModel model = shape(2, 1, 4);  // stages of two atoms of one half
  model.seed = 3;
  model.jitter_sigma = 0.3;
  const Graph jittered = make_graph(model, Mapping::loop, 1, true);
  const double expected = 0.5 * (jitter(0.3, 3, JitterKind::backward_input, 2, 1) +
                                 jitter(0.3, 3, JitterKind::backward_input, 3, 1));
  EXPECT_NEAR(jittered.duration(kB, 1, 1), expected, 1e-12);
  model.jitter_sigma = 0;
  model.length_sigma = 0.5;
  model.latency = 2;
  model.link_jitter_sigma = 1;
  const Graph varied = make_graph(model, Mapping::loop, 1, true);
  const double length = jitter(0.5, 3, JitterKind::length, 0, 2);
  for (const TaskKind kind : {kF, kB, kW}) {
    EXPECT_NEAR(varied.duration(kind, 0, 2), length, 1e-12);
    EXPECT_NEAR(varied.duration(kind, 1, 2), length, 1e-12);
  }
  EXPECT_NEAR(varied.forward_latency(1, 2), 2 * jitter(1, 3, JitterKind::forward_message, 1, 2),
              1e-12);
  EXPECT_NEAR(varied.backward_latency(0, 2), 2 * jitter(1, 3, JitterKind::backward_message, 0, 2),
              1e-12);
}

/// The error of a model of PP2 VPP2 M4 after a change, with two chunks per rank.
std::string refusal(const std::function<void(CostModel&)>& change, int64_t num_chunks = 2) {
  CostModel model = shape(2, 2, 4);
  change(model);
  try {
    make_graph(model, Mapping::loop, num_chunks, true);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::usage);
    return error.what();
  }
  return "";
}

TEST(CostModel, ValuesOutOfRange) {
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  EXPECT_EQ(refusal([](CostModel&) {}), "");
  EXPECT_EQ(refusal([](CostModel& m) { m.num_ranks = 0; }),
            "0 ranks, 2 virtual chunks, 4 microbatches (expected at least 1 each)");
  EXPECT_NE(refusal([](CostModel& m) { m.virtual_chunks = -1; }), "");
  EXPECT_NE(refusal([](CostModel& m) { m.num_microbatches = 0; }), "");
  EXPECT_EQ(refusal([](CostModel&) {}, 3),
            "3 chunks per rank do not divide the 2 equal pieces that a rank of 2 virtual chunks is "
            "cut into");
  EXPECT_NE(refusal([](CostModel&) {}, 0), "");
  EXPECT_NE(refusal([](CostModel& m) { m.forward = -1; }), "");
  EXPECT_NE(refusal([](CostModel& m) { m.backward_input = kNan; }), "");
  EXPECT_NE(refusal([](CostModel& m) { m.backward_weight = kInfinity; }), "");
  EXPECT_NE(refusal([](CostModel& m) { m.latency = -0.5; }), "");
  EXPECT_EQ(refusal([](CostModel& m) { m.jitter_sigma = -0.1; }),
            "a standard deviation of -0.1 (expected 0 to 5)");
  EXPECT_NE(refusal([](CostModel& m) { m.link_jitter_sigma = 6; }), "");
  EXPECT_NE(refusal([](CostModel& m) { m.length_sigma = kNan; }), "");
  EXPECT_EQ(refusal([](CostModel& m) {
              m.rank_slowdown = {1, 1, 1};
            }),
            "3 rank slowdowns (expected 2)");
  EXPECT_NE(refusal([](CostModel& m) { m.rank_slowdown = {1, -1}; }), "");
  EXPECT_EQ(refusal([](CostModel& m) { m.atom_weight = {1, 1}; }), "2 atom weights (expected 4)");
  EXPECT_EQ(refusal([](CostModel& m) { m.forward = m.latency = 0; }), "");
}

TEST(CostModel, LaggingRankIsARank) {
  EXPECT_EQ(slow_rank(3, 1, 2.5), (std::vector<double>{1, 2.5, 1}));
  EXPECT_THROW(slow_rank(3, 3, 2), Error);
  EXPECT_THROW(slow_rank(3, -1, 2), Error);
}

}  // namespace
}  // namespace weft::schedule
