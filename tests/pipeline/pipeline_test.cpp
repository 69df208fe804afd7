// Pipelines of several ranks against the whole model on one: every order gives the same bits.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

#include "support/microbatch_data.hpp"
#include "weft/comm/communicator.hpp"
#include "weft/comm/thread_world.hpp"
#include "weft/model/gpt_parameters.hpp"
#include "weft/parallel/layer_partition.hpp"
#include "weft/pipeline/executor.hpp"
#include "weft/schedule/graph_planner.hpp"
#include "weft/schedule/list_policy.hpp"
#include "weft/schedule/plan_policy.hpp"
#include "weft/schedule/single_stage.hpp"
#include "weft/schedule/static_schedule.hpp"
#include "weft/schedule/turn_policy.hpp"

namespace weft::pipeline {
namespace {

using model::BackwardMode;
using parallel::StageLayers;
using schedule::Mapping;
using schedule::StageMap;

constexpr model::MicrobatchShape kShape{.sequence = 9, .samples = 2};

model::ModelConfig config_of(int64_t num_layers) {
  model::ModelConfig config;
  config.num_layers = num_layers;
  config.hidden_size = 16;
  config.ffn_hidden_size = 32;
  config.num_attention_heads = 2;
  config.kv_channels = 8;
  config.vocab_size = 40;
  config.max_position_embeddings = 9;
  return config;
}

class NumberedSource final : public MicrobatchSource {
 public:
  explicit NumberedSource(const model::ModelConfig& config) : config_(config) {}

  model::Microbatch microbatch(int64_t index) override {
    data_ = testing::random_microbatch(kShape, config_.vocab_size, static_cast<uint64_t>(index));
    for (size_t b = 0; b < data_.sample_ids.size(); ++b) {
      data_.sample_ids[b] = index * kShape.samples + static_cast<int64_t>(b);
    }
    // Microbatches count differently many tokens.
    for (size_t i = 0; i < data_.loss_mask.size(); ++i) {
      data_.loss_mask[i] = i % static_cast<size_t>(index + 2) == 0 ? 0.0F : 1.0F;
    }
    if (config_.reset_attention_mask) data_.set_documents({2 + index % 3});
    return data_.view();
  }

 private:
  model::ModelConfig config_;
  testing::MicrobatchData data_{kShape};
};

/// Loss and gradients of a step, and the loss of an evaluation, whoever computed them.
struct Outcome {
  model::LossSum loss;
  model::LossSum evaluated;
  std::map<std::string, std::vector<float>> gradients;

  void add(const model::ParameterSet& parameters) {
    for (const model::Parameter& parameter : parameters.all()) {
      const auto grad = parameter.grad.span<float>();
      gradients[parameter.name].assign(grad.begin(), grad.end());
    }
  }
};

void expect_equal(const Outcome& actual, const Outcome& expected, const std::string& what) {
  EXPECT_EQ(actual.loss.loss, expected.loss.loss) << what;
  EXPECT_EQ(actual.loss.tokens, expected.loss.tokens) << what;
  EXPECT_EQ(actual.evaluated.loss, expected.evaluated.loss) << what;
  ASSERT_EQ(actual.gradients.size(), expected.gradients.size()) << what;
  for (const auto& [name, gradient] : expected.gradients) {
    EXPECT_EQ(actual.gradients.at(name), gradient) << what << ": " << name;
  }
}

model::DropoutRates dropout() { return {.hidden = 0.1, .attention = 0.1, .seed = 3}; }

Outcome run_alone(const model::ModelConfig& config, int64_t num_microbatches,
                  LossMean mean = LossMean::microbatches) {
  Stream stream;
  model::ParameterSet parameters = model::make_gpt_parameters(config);
  parameters.initialize(5);
  model::RankModel model(stream, config, kShape, BackwardMode::fused, parameters, dropout());
  Executor executor(model, schedule::accumulate(num_microbatches), num_microbatches);
  NumberedSource source(config);
  Outcome outcome;
  outcome.evaluated = executor.evaluate(source, num_microbatches);
  outcome.loss = executor.run_step(source, 2.0, mean);
  outcome.add(parameters);
  return outcome;
}

std::vector<StageLayers> parts_of(const StageMap& stages, int64_t num_layers, int64_t rank) {
  parallel::LayerSplit split;
  split.num_layers = num_layers;
  split.pp = stages.num_ranks;
  split.chunks_per_rank = stages.num_chunks;
  const parallel::LayerPartition partition(split,
                                           [&](int64_t stage) { return stages.rank_of(stage); });
  std::vector<StageLayers> parts;
  for (int64_t chunk = 0; chunk < stages.num_chunks; ++chunk) {
    parts.push_back(partition.at(rank, chunk));
  }
  return parts;
}

/// What of a step may vary without changing a bit.
struct Variation {
  int64_t num_steps = 2;
  LossMean mean = LossMean::microbatches;
  std::string faults = {};
};

using PlanOf = std::function<StepPlan(int64_t rank)>;

Outcome run_pipeline(const model::ModelConfig& config, const StageMap& stages,
                     const PlanOf& plan_of, const Variation& variation = {}) {
  Outcome outcome;
  std::mutex mutex;
  RecordingLogger logger;
  comm::WorldConfig world_config{.threads_per_rank = 1, .timeout = std::chrono::seconds(10)};
  if (!variation.faults.empty()) world_config.faults = comm::parse_faults(variation.faults);
  comm::ThreadWorld world(logger, world_config);
  world.run(static_cast<int>(stages.num_ranks), [&](comm::RankContext& rank) {
    const std::vector<StageLayers> parts = parts_of(stages, config.num_layers, rank.rank);
    Stream stream;
    model::ParameterSet parameters = model::make_gpt_parameters(config, parts);
    parameters.initialize(5);
    const StepPlan plan = plan_of(rank.rank);
    const auto mode = plan.splits_backward() ? BackwardMode::split : BackwardMode::fused;
    model::RankModel model(stream, config, parts, kShape, mode, parameters, dropout());
    PipelinePlace place{.endpoint = rank.endpoint, .stages = stages, .rank = rank.rank};
    place.world_ranks.clear();
    for (int r = 0; r < rank.world_size; ++r) place.world_ranks.push_back(r);
    Executor executor(model, plan, place);
    NumberedSource source(config);
    const model::LossSum evaluated = executor.evaluate(source, follow(plan.order, rank.rank));
    model::LossSum loss;
    // Later steps have the bits of the first: nothing is left over.
    for (int64_t step = 0; step < variation.num_steps; ++step) {
      loss = executor.run_step(source, 2.0, variation.mean);
    }
    EXPECT_EQ(executor.log().size(), plan.dynamic
                                         ? executor.log().size()
                                         : plan.order.ranks[static_cast<size_t>(rank.rank)].size());
    // What the trainer does for a tied table whose ends are on two ranks.
    const int head_rank = static_cast<int>(stages.rank_of(stages.num_stages() - 1));
    if (config.tied_embeddings && head_rank != 0 && (rank.rank == 0 || rank.rank == head_rank)) {
      comm::Communicator tied(*rank.endpoint, {"embedding", {0, head_rank}});
      tied.all_reduce(parameters.at(model::kWordEmbeddings).grad);
    }
    const std::lock_guard lock(mutex);
    if (std::ranges::any_of(parts, &StageLayers::has_head)) {
      outcome.loss = loss;
      outcome.evaluated = evaluated;
    }
    outcome.add(parameters);
  });
  return outcome;
}

schedule::PipelineSchedule make(const schedule::StaticSchedule& named, const StageMap& stages,
                                int64_t num_microbatches) {
  return make_static(named, {.num_ranks = stages.num_ranks,
                             .virtual_chunks = stages.num_chunks,
                             .num_microbatches = num_microbatches});
}

TEST(Pipeline, EveryStaticScheduleHasTheBitsOfOneRank) {
  for (const int64_t ranks : {2, 4}) {
    for (const schedule::StaticSchedule& named : schedule::static_schedules()) {
      const StageMap stages{named.mapping, ranks, named.num_chunks(2)};
      const model::ModelConfig config = config_of(stages.num_stages());
      const int64_t microbatches = 2 * ranks;
      const auto order = make(named, stages, microbatches);
      const Outcome outcome =
          run_pipeline(config, stages, [&](int64_t rank) { return follow(order, rank); });
      expect_equal(outcome, run_alone(config, microbatches),
                   fmt::format("{} on {} ranks", named.name, ranks));
    }
  }
}

TEST(Pipeline, UntiedModelsWithRopeAndDocumentsToo) {
  model::ModelConfig config = config_of(4);
  config.tied_embeddings = false;
  config.position_embedding = model::PositionEmbedding::rope;
  config.normalization = model::Normalization::rms_norm;
  config.activation = kernels::Activation::swiglu;
  config.linear_bias = config.qkv_bias = false;
  config.reset_attention_mask = true;
  for (const char* name : {"1f1b", "zb-v"}) {
    const auto& named = schedule::static_schedule(name);
    const StageMap stages{named.mapping, 2, named.num_chunks(1)};
    const auto order = make(named, stages, 5);
    const Outcome outcome =
        run_pipeline(config, stages, [&](int64_t rank) { return follow(order, rank); },
                     {.mean = LossMean::tokens});
    expect_equal(outcome, run_alone(config, 5, LossMean::tokens), name);
  }
}

TEST(Pipeline, RecomputedLayersHaveTheSameBits) {
  for (const auto granularity :
       {model::RecomputeGranularity::selective, model::RecomputeGranularity::full}) {
    model::ModelConfig config = config_of(8);
    const Outcome expected = run_alone(config, 4);
    config.recompute = {
        .granularity = granularity, .method = model::RecomputeMethod::uniform, .num_layers = 2};
    const auto& named = schedule::static_schedule("interleaved");
    const StageMap stages{named.mapping, 2, 2};
    const auto order = make(named, stages, 4);
    const Outcome outcome =
        run_pipeline(config, stages, [&](int64_t rank) { return follow(order, rank); });
    expect_equal(outcome, expected, "recomputed");
  }
}

/// A graph with made-up durations; charges are slots.
std::shared_ptr<const schedule::Graph> graph_of(const StageMap& stages, int64_t num_microbatches,
                                                bool splits_backward) {
  auto graph = std::make_shared<schedule::Graph>(stages, num_microbatches, splits_backward);
  for (int64_t stage = 0; stage < stages.num_stages(); ++stage) {
    for (int64_t m = 0; m < num_microbatches; ++m) {
      for (const auto kind : {schedule::TaskKind::forward, schedule::TaskKind::backward_input,
                              schedule::TaskKind::backward_weight}) {
        graph->set_duration(kind, stage, m, 100.0 + static_cast<double>(stage));
      }
    }
  }
  return graph;
}

StepPlan dynamic_plan(const StageMap& stages, int64_t num_microbatches, bool splits_backward,
                      const std::function<std::unique_ptr<schedule::Policy>(
                          std::shared_ptr<const schedule::Graph>, int64_t)>& make_policy,
                      std::optional<int64_t> cap, int64_t rank) {
  const auto graph = graph_of(stages, num_microbatches, splits_backward);
  const auto order = simulate(*graph, [](int64_t) {
                       return std::make_unique<schedule::ListPolicy>(schedule::ListPolicyConfig{});
                     }).log.plan();
  DynamicOrder dynamic{
      .graph = graph, .policy = [=](int64_t r) { return make_policy(graph, r); }, .cap = cap};
  StepPlan plan = decide(order, dynamic, rank);
  // Evaluations follow the order.
  const StageSlots evaluation = follow(order, rank).slots;
  plan.slots.activations = std::max(plan.slots.activations, evaluation.activations);
  plan.slots.links = std::max(plan.slots.links, evaluation.links);
  return plan;
}

TEST(Pipeline, EveryPolicyHasTheBitsOfOneRankAtAnyCap) {
  for (const auto mapping : {Mapping::loop, Mapping::wave}) {
    const StageMap stages{mapping, 3, 2};
    const model::ModelConfig config = config_of(6);
    const Outcome expected = run_alone(config, 7);
    for (const bool splits : {false, true}) {
      for (const auto key : {schedule::ListKey::depth_first, schedule::ListKey::breadth_first,
                             schedule::ListKey::deep, schedule::ListKey::critical_path}) {
        for (const std::optional<int64_t> cap :
             {std::optional<int64_t>(2), std::optional<int64_t>(5), std::optional<int64_t>()}) {
          const auto policy = [&](std::shared_ptr<const schedule::Graph> graph, int64_t) {
            return std::make_unique<schedule::ListPolicy>(schedule::ListPolicyConfig{
                .key = key,
                .upward = std::make_shared<schedule::UpwardRanks>(upward_ranks(*graph))});
          };
          const Outcome outcome = run_pipeline(
              config, stages,
              [&](int64_t rank) { return dynamic_plan(stages, 7, splits, policy, cap, rank); },
              {.num_steps = 1});
          expect_equal(outcome, expected,
                       fmt::format("{} {} split={} cap={}", name(mapping), name(key), splits,
                                   cap.value_or(0)));
        }
      }
    }
  }
}

TEST(Pipeline, PlansWithFilledGapsAndTheTurnRuleToo) {
  const StageMap stages{Mapping::loop, 2, 2};
  const model::ModelConfig config = config_of(4);
  const Outcome expected = run_alone(config, 4);
  const auto order = make(schedule::static_schedule("interleaved-zb1p"), stages, 4);
  const auto fill = [&](std::shared_ptr<const schedule::Graph> graph, int64_t rank) {
    return std::make_unique<schedule::PlanPolicy>(
        std::make_shared<schedule::TimedPlan>(*graph, order), rank, schedule::FillRule{1, 1});
  };
  expect_equal(
      run_pipeline(config, stages,
                   [&](int64_t rank) { return dynamic_plan(stages, 4, true, fill, 8, rank); }),
      expected, "fill");
  const auto turn = [](std::shared_ptr<const schedule::Graph>, int64_t) {
    return std::make_unique<schedule::TurnPolicy>(schedule::TurnScan::bfc);
  };
  expect_equal(run_pipeline(config, stages,
                            [&](int64_t rank) {
                              return dynamic_plan(stages, 4, false, turn, std::nullopt, rank);
                            }),
               expected, "turn rule");
}

TEST(Pipeline, DelayedMessagesChangeNoBits) {
  const StageMap stages{Mapping::loop, 3, 1};
  const model::ModelConfig config = config_of(3);
  const Outcome expected = run_alone(config, 6);
  const auto policy = [](std::shared_ptr<const schedule::Graph>, int64_t) {
    return std::make_unique<schedule::ListPolicy>(schedule::ListPolicyConfig{});
  };
  for (const char* faults : {"delay:rank=1,ms=3", "jitter:op=link,seed=5,ms=2"}) {
    const Outcome outcome =
        run_pipeline(config, stages,
                     [&](int64_t rank) { return dynamic_plan(stages, 6, true, policy, 4, rank); },
                     {.faults = faults});
    expect_equal(outcome, expected, faults);
  }
}

/// One pipeline of the seed's making against one rank.
void check_random_pipeline(uint32_t seed) {
  std::mt19937 random(seed);
  const auto pick = [&](int64_t first, int64_t last) {
    return std::uniform_int_distribution<int64_t>(first, last)(random);
  };
  const StageMap stages{pick(0, 1) == 0 ? Mapping::loop : Mapping::wave, pick(2, 4), pick(1, 3)};
  const int64_t microbatches = pick(1, 9);
  const bool splits = pick(0, 1) == 0;
  const int64_t rule = pick(0, 5);
  std::optional<int64_t> cap = pick(stages.num_chunks, stages.num_chunks * (microbatches + 1));
  if (rule == 5 || pick(0, 3) == 0) cap.reset();  // the turn rule has no limit of memory
  const auto policy = [&](std::shared_ptr<const schedule::Graph> graph,
                          int64_t rank) -> std::unique_ptr<schedule::Policy> {
    if (rule == 5) return std::make_unique<schedule::TurnPolicy>(schedule::TurnScan::bfc);
    if (rule == 4) {
      const auto plan =
          std::make_shared<schedule::TimedPlan>(*graph, schedule::plan_graph(*graph, cap).order);
      return std::make_unique<schedule::PlanPolicy>(plan, rank, schedule::FillRule{});
    }
    constexpr std::array kKeys = {schedule::ListKey::depth_first, schedule::ListKey::deep,
                                  schedule::ListKey::breadth_first,
                                  schedule::ListKey::critical_path};
    return std::make_unique<schedule::ListPolicy>(schedule::ListPolicyConfig{
        .key = kKeys[static_cast<size_t>(rule)],
        .upward = std::make_shared<schedule::UpwardRanks>(upward_ranks(*graph))});
  };
  std::string faults;
  if (pick(0, 2) > 0) faults = fmt::format("jitter:op=link,seed={},ms={}", seed, pick(1, 3));
  if (pick(0, 2) == 0) {
    faults += fmt::format("{}delay:rank={},op=link,ms=1", faults.empty() ? "" : ";",
                          pick(0, stages.num_ranks - 1));
  }
  const model::ModelConfig config = config_of(stages.num_stages());
  const bool turns = rule == 5;
  const Outcome outcome =
      run_pipeline(config, stages,
                   [&](int64_t rank) {
                     return dynamic_plan(stages, microbatches, splits && !turns, policy, cap, rank);
                   },
                   {.num_steps = 1, .faults = faults});
  expect_equal(outcome, run_alone(config, microbatches),
               fmt::format("seed {}: {} ranks, {} chunks, {}, {} microbatches, rule {}, cap {}, {}",
                           seed, stages.num_ranks, stages.num_chunks, name(stages.mapping),
                           microbatches, rule, cap.value_or(0), faults));
}

TEST(SlowPipeline, RandomPipelinesHaveTheBitsOfOneRankAndEnd) {
  const char* seeds = std::getenv("WEFT_PIPELINE_SEEDS");  // FIRST-LAST: look at others by hand
  unsigned first = 0;
  unsigned last = 100;
  if (seeds != nullptr) std::sscanf(seeds, "%u-%u", &first, &last);
  for (unsigned seed = first; seed < last; ++seed) {
    EXPECT_NO_THROW(check_random_pipeline(seed)) << "seed " << seed;
  }
}

}  // namespace
}  // namespace weft::pipeline
