#include "weft/parallel/model_fit.hpp"

#include <gtest/gtest.h>

#include "parallel/refusal.hpp"

namespace weft::parallel {
namespace {

using testing::only_message;

struct Case {
  TopologySizes topology;
  ModelSizes model;
  std::string message;
};

TEST(CheckModel, AcceptsWhatDivides) {
  const Topology topology({.world_size = 16, .tp = 2, .cp = 2, .pp = 2, .ep = 2});
  EXPECT_TRUE(check_model(topology, {}).size() == 1u) << "experts are missing";
  const ModelSizes model{.num_attention_heads = 8,
                         .num_query_groups = 2,
                         .ffn_hidden_size = 64,
                         .seq_length = 16,
                         .num_experts = 4,
                         .sequence_parallel = true};
  EXPECT_TRUE(check_model(topology, model).empty());
  EXPECT_TRUE(check_model(Topology(), {.num_attention_heads = 7, .seq_length = 5}).empty());
}

TEST(CheckModel, EachMisfitPrintsItsEquation) {
  const std::vector<Case> cases = {
      {{.tp = 4},
       {.num_attention_heads = 6},
       "num_attention_heads (6) must be a multiple of tensor_model_parallel_size (4). (6 / 4 = "
       "1.5)"},
      {{.tp = 8},
       {.num_attention_heads = 16, .num_query_groups = 4},
       "num_query_groups (4) must be a multiple of tensor_model_parallel_size (8). (4 / 8 = 0.5)"},
      {{.tp = 4},
       {.ffn_hidden_size = 10},
       "ffn_hidden_size 10 is not divisible by tp 4 (10 / 4 = 2.5)"},
      {{.cp = 2},
       {.seq_length = 10},
       "seq-length should be a multiple of 2 * context-parallel-size if context-parallel-size > 1. "
       "(seq_length 10, 2 x cp 2 = 4: 10 / 4 = 2.5)"},
      {{.tp = 3},
       {.seq_length = 16, .sequence_parallel = true},
       "seq_length 16 is not divisible by cp 1 x tp 3 = 3 (16 / 3 = 5.3333...)"},
      {{.tp = 4, .cp = 2},
       {.seq_length = 12, .sequence_parallel = true},
       "seq_length 12 is not divisible by cp 2 x tp 4 = 8 (12 / 8 = 1.5)"},
      {{.world_size = 4, .ep = 4},
       {},
       "num_experts must be non None to use expert model parallelism (ep 4)"},
      {{.world_size = 4, .ep = 4},
       {.num_experts = 6},
       "Number of experts should be a multiple of expert model parallel_size. (6 / 4 = 1.5)"},
  };
  for (const auto& [topology, model, message] : cases) {
    const std::vector<Problem> problems = check_model(Topology(topology), model);
    EXPECT_EQ(only_message(problems), message);
    for (const Problem& problem : problems) EXPECT_NE(problem.hint, "");
  }
}

TEST(CheckModel, ReportsAllMisfitsAtOnce) {
  const ModelSizes model{.num_attention_heads = 6,
                         .num_query_groups = 2,
                         .ffn_hidden_size = 10,
                         .seq_length = 6,
                         .num_experts = 3};
  const Topology topology({.world_size = 8, .tp = 4, .cp = 2, .ep = 2});
  EXPECT_EQ(check_model(topology, model).size(), 5u);
}

}  // namespace
}  // namespace weft::parallel
