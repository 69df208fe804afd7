#include "weft/train/pipeline_setup.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/pipeline/rank_stages.hpp"
#include "weft/schedule/commit_log_csv.hpp"
#include "weft/schedule/graph_planner.hpp"
#include "weft/schedule/list_policy.hpp"
#include "weft/schedule/plan_policy.hpp"
#include "weft/schedule/schedule_csv.hpp"
#include "weft/schedule/single_stage.hpp"
#include "weft/schedule/static_schedule.hpp"
#include "weft/schedule/turn_policy.hpp"

namespace weft::train {

using schedule::Mapping;
using schedule::PipelineSchedule;
using schedule::StageMap;

namespace {

constexpr const char* kChunkFlags =
    "--num-virtual-stages-per-pipeline-rank or --num-layers-per-virtual-pipeline-stage";
constexpr std::string_view kTurnRule = "megatron-dpp";

/// The scan that "megatron-dpp-SCAN" names; nothing for other texts.
std::optional<schedule::TurnScan> turn_scan_of(const std::string& order) {
  if (!order.starts_with(kTurnRule) || order.size() <= kTurnRule.size()) return std::nullopt;
  return schedule::turn_scan(order.substr(kTurnRule.size() + 1));
}

bool recomputes(const model::ModelConfig& model) {
  return model.recompute.granularity != model::RecomputeGranularity::none;
}

bool is_file(const std::string& schedule) { return schedule.ends_with(".csv"); }

/// The order that a file fixes; nothing when the run has none.
std::optional<PipelineSchedule> order_of_file(const PipelineConfig& config) {
  if (!config.replay.empty()) return schedule::read_commit_log(config.replay).plan();
  if (is_file(config.schedule)) return schedule::read_schedule_csv(config.schedule);
  return std::nullopt;
}

std::string file_of(const PipelineConfig& config) {
  return config.replay.empty() ? config.schedule : config.replay;
}

std::string static_name(const PipelineConfig& config, int64_t num_chunks) {
  if (!config.schedule.empty()) return config.schedule;
  return num_chunks > 1 ? "interleaved" : "1f1b";
}

void check_mapping(const PipelineConfig& config, Mapping mapping, const std::string& schedule) {
  if (!config.mapping || *config.mapping == mapping) return;
  fail_with_hint(ErrorKind::usage, fmt::format("--pipeline-mapping {}", name(mapping)),
                 "--pipeline-mapping does not fit the schedule (got {}, expected {} for {})",
                 name(*config.mapping), name(mapping), schedule);
}

/// Chunks per rank as the layers' flags say; nothing when they are silent.
std::optional<int64_t> asked_chunks(const PipelineConfig& config) {
  if (!config.split.is_interleaved()) return std::nullopt;
  return config.split.num_chunks();
}

StageMap stages_of_file(const PipelineConfig& config, const PipelineSchedule& order) {
  const std::string file = file_of(config);
  const StageMap& stages = order.stages;
  if (stages.num_ranks != config.num_ranks()) {
    fail_with_hint(ErrorKind::usage,
                   fmt::format("--pipeline-model-parallel-size {}", stages.num_ranks),
                   "{} is a schedule of another pipeline (got {} ranks, expected {})", file,
                   stages.num_ranks, config.num_ranks());
  }
  const auto chunks = asked_chunks(config);
  if (chunks && *chunks != stages.num_chunks) {
    fail_with_hint(ErrorKind::usage, kChunkFlags,
                   "{} is a schedule of other chunks (got {} per rank, expected {})", file,
                   stages.num_chunks, *chunks);
  }
  check_mapping(config, stages.mapping, file);
  return stages;
}

const schedule::StaticSchedule& find_static(const std::string& wanted) {
  try {
    return schedule::static_schedule(wanted);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("--pipeline-schedule: {}", error.what()), error.hint());
  }
}

StageMap stages_of_static(const PipelineConfig& config) {
  const auto asked = asked_chunks(config);
  const std::string wanted = static_name(config, asked.value_or(1));
  const schedule::StaticSchedule& named = find_static(wanted);
  const int64_t chunks = named.num_chunks(asked.value_or(1));
  if (asked && *asked != chunks) {
    fail_with_hint(ErrorKind::usage, kChunkFlags,
                   "{} has {} chunk{} per pipeline rank (got {} from the layers' flags)",
                   named.name, chunks, chunks == 1 ? "" : "s", *asked);
  }
  check_mapping(config, named.mapping, std::string(named.name));
  return {named.mapping, config.num_ranks(), chunks};
}

StageMap stages_of(const PipelineConfig& config) {
  if (config.num_ranks() == 1) return {};
  if (const auto order = order_of_file(config)) return stages_of_file(config, *order);
  if (!config.dynamic) return stages_of_static(config);
  const int64_t chunks = asked_chunks(config).value_or(1);
  // With one chunk both mappings are the same.
  const Mapping mapping = chunks == 1 ? Mapping::loop : config.mapping.value_or(Mapping::loop);
  return {mapping, config.num_ranks(), chunks};
}

parallel::LayerPartition partition_of(const PipelineConfig& config, const StageMap& stages,
                                      int64_t num_layers) {
  parallel::LayerSplit split = config.split;
  split.num_layers = num_layers;
  if (stages.num_chunks > 1 && !split.is_interleaved()) split.chunks_per_rank = stages.num_chunks;
  return parallel::LayerPartition(split, [&](int64_t stage) { return stages.rank_of(stage); });
}

}  // namespace

StageDurations mean_durations(const schedule::CommitLog& log) {
  const auto num_stages = static_cast<size_t>(log.stages.num_stages());
  StageDurations sums{std::vector<double>(num_stages), std::vector<double>(num_stages),
                      std::vector<double>(num_stages)};
  for (size_t rank = 0; rank < log.ranks.size(); ++rank) {
    for (const schedule::CommitEntry& entry : log.ranks[rank]) {
      const auto stage =
          static_cast<size_t>(log.stages.stage_of(static_cast<int64_t>(rank), entry.task.chunk));
      const double mean = (entry.end - entry.start) / static_cast<double>(log.num_microbatches);
      switch (entry.task.kind) {
        case schedule::TaskKind::forward:
          sums.forward[stage] += mean;
          break;
        case schedule::TaskKind::backward_input:
          sums.backward_input[stage] += mean;
          break;
        case schedule::TaskKind::backward_weight:
          sums.backward_weight[stage] += mean;
          break;
        case schedule::TaskKind::backward:
          sums.backward_input[stage] += mean / 2;
          sums.backward_weight[stage] += mean / 2;
          break;
      }
    }
  }
  return sums;
}

PipelineSetup::PipelineSetup(const TrainConfig& config)
    : config_(config),
      stages_(stages_of(config.pipeline)),
      partition_(partition_of(config.pipeline, stages_, config.model.num_layers)),
      topology_(parallel::TopologySizes{.world_size = config.pipeline.world_size(),
                                        .pp = config.pipeline.num_ranks(),
                                        .order = config.pipeline.order}),
      durations_(estimated_durations()) {}

std::vector<parallel::StageLayers> PipelineSetup::parts(int64_t rank) const {
  std::vector<parallel::StageLayers> parts;
  for (int64_t chunk = 0; chunk < stages_.num_chunks; ++chunk) {
    parts.push_back(partition_.at(rank, chunk));
  }
  return parts;
}

std::string PipelineSetup::schedule_name() const {
  const PipelineConfig& pipeline = config_.pipeline;
  if (pipeline.num_ranks() == 1) return "one rank";
  if (!pipeline.replay.empty()) return pipeline.replay;
  if (pipeline.dynamic) return fmt::format("dynamic ({})", pipeline.dpp_order);
  return static_name(pipeline, stages_.num_chunks);
}

model::BackwardMode PipelineSetup::backward_mode() const {
  return plan(0, full_microbatches()).splits_backward() ? model::BackwardMode::split
                                                        : model::BackwardMode::fused;
}

PipelineSchedule PipelineSetup::order(int64_t num_microbatches) const {
  const PipelineConfig& pipeline = config_.pipeline;
  if (pipeline.num_ranks() == 1) {
    return {stages_, num_microbatches, {schedule::accumulate(num_microbatches)}};
  }
  if (auto order = order_of_file(pipeline)) {
    if (order->num_microbatches != num_microbatches) {
      fail_with_hint(ErrorKind::usage,
                     fmt::format("--global-batch-size {}",
                                 order->num_microbatches * config_.samples_per_microbatch()),
                     "{} is a schedule of another batch (got {} microbatches, expected {})",
                     file_of(pipeline), order->num_microbatches, num_microbatches);
    }
    return *std::move(order);
  }
  try {
    return make_static(schedule::static_schedule(static_name(pipeline, stages_.num_chunks)),
                       {.num_ranks = stages_.num_ranks,
                        .virtual_chunks = stages_.num_chunks,
                        .num_microbatches = num_microbatches,
                        .group_size = pipeline.group_size});
  } catch (const Error& error) {
    throw Error(error.kind(), error.what(), "another --global-batch-size, or --use-dpp");
  }
}

pipeline::StepPlan PipelineSetup::plan(int64_t rank, int64_t num_microbatches) const {
  if (!is_dynamic()) {
    pipeline::StepPlan plan = pipeline::follow(order(num_microbatches), rank);
    if (plan.splits_backward() && recomputes(config_.model)) {
      fail_with_hint(ErrorKind::usage,
                     "no --recompute-granularity, or a schedule that does not split backward",
                     "recomputation needs whole backward passes (got the schedule {}, which splits "
                     "them)",
                     schedule_name());
    }
    return plan;
  }
  const auto tasks = graph(num_microbatches, durations_);
  const int64_t cap = dynamic_cap(num_microbatches);
  PipelineSchedule planned = schedule::plan_graph(*tasks, cap).order;
  const std::string& wanted = config_.pipeline.dpp_order;
  pipeline::DynamicOrder dynamic{
      .graph = tasks, .policy = policy(wanted, tasks, planned), .cap = cap};
  if (wanted.starts_with(kTurnRule)) dynamic.cap.reset();  // the original has no limit of memory
  return pipeline::decide(std::move(planned), std::move(dynamic), rank);
}

schedule::PolicyFactory PipelineSetup::policy(const std::string& wanted,
                                              const std::shared_ptr<const schedule::Graph>& graph,
                                              const PipelineSchedule& planned) {
  if (wanted == "auto") {
    const auto timed = std::make_shared<const schedule::TimedPlan>(*graph, planned);
    return [timed](int64_t rank) {
      return std::make_unique<schedule::PlanPolicy>(timed, rank, schedule::FillRule{});
    };
  }
  const auto scan =
      wanted == kTurnRule ? std::optional(schedule::TurnScan::bfc) : turn_scan_of(wanted);
  if (scan) return [scan](int64_t) { return std::make_unique<schedule::TurnPolicy>(*scan); };
  const auto key = schedule::list_key(wanted);
  if (!key) {
    fail_with_hint(ErrorKind::usage, "--dpp-order auto",
                   "--dpp-order has a wrong value (got {}, expected auto, dfc, bfc, deep, "
                   "critical-path or megatron-dpp)",
                   wanted);
  }
  const schedule::ListPolicyConfig list{
      .key = *key,
      .wip_limit = std::nullopt,
      .upward = std::make_shared<schedule::UpwardRanks>(schedule::upward_ranks(*graph))};
  return [list](int64_t) { return std::make_unique<schedule::ListPolicy>(list); };
}

schedule::Simulation PipelineSetup::simulate() const {
  const int64_t microbatches = full_microbatches();
  const pipeline::StepPlan step = plan(0, microbatches);
  const auto tasks = graph(microbatches, durations_);
  if (!step.dynamic) return schedule::simulate(*tasks, step.order);
  return schedule::simulate(*tasks, step.dynamic->policy, {.cap = step.dynamic->cap});
}

pipeline::StepPlan PipelineSetup::evaluation_plan(int64_t rank) const {
  const int64_t microbatches = full_microbatches();
  if (!is_dynamic()) return plan(rank, microbatches);
  const auto tasks = graph(microbatches, estimated_durations());
  return pipeline::follow(schedule::plan_graph(*tasks, dynamic_cap(microbatches)).order, rank);
}

int64_t PipelineSetup::full_microbatches() const {
  return config_.batch_schedule().full().run / config_.samples_per_microbatch();
}

pipeline::StageSlots PipelineSetup::slots(int64_t rank) const {
  pipeline::StageSlots most{.activations = 1, .links = 2};
  for (const int64_t samples : config_.batch_schedule().sizes()) {
    const pipeline::StageSlots slots = plan(rank, samples / config_.samples_per_microbatch()).slots;
    most.activations = std::max(most.activations, slots.activations);
    most.links = std::max(most.links, slots.links);
  }
  const pipeline::StageSlots evaluation = evaluation_plan(rank).slots;
  most.activations = std::max(most.activations, evaluation.activations);
  most.links = std::max(most.links, evaluation.links);
  return most;
}

bool PipelineSetup::splits_dynamic_backward() const {
  return !recomputes(config_.model) && !config_.pipeline.dpp_order.starts_with(kTurnRule);
}

int64_t PipelineSetup::dynamic_cap(int64_t num_microbatches) const {
  const int64_t all = stages_.num_chunks * num_microbatches;
  if (!config_.pipeline.memory_budget) {
    // What interleaved (1f1b with one chunk) holds on the first rank, and a slot per chunk more
    // (reference/schedules.md 2.5: what buys robustness).
    const int64_t interleaved =
        (stages_.num_chunks - 1) * stages_.num_ranks + 2 * stages_.num_ranks - 1;
    const int64_t held = stages_.num_chunks == 1 ? stages_.num_ranks : interleaved;
    return std::min(all, held + stages_.num_chunks);
  }
  int64_t bytes = 1;
  const model::MicrobatchShape shape{config_.sequence_length, config_.micro_batch_size};
  for (int64_t rank = 0; rank < stages_.num_ranks; ++rank) {
    bytes = std::max(bytes, static_cast<int64_t>(pipeline::RankStages::activation_bytes(
                                config_.model, parts(rank), shape,
                                splits_dynamic_backward() ? model::BackwardMode::split
                                                          : model::BackwardMode::fused,
                                1)));
  }
  const int64_t slots = *config_.pipeline.memory_budget / bytes;
  if (slots < stages_.num_chunks) {
    fail_with_hint(ErrorKind::usage,
                   fmt::format("--dpp-memory-budget {}", bytes * stages_.num_chunks),
                   "--dpp-memory-budget is too small for one microbatch (got {} bytes, expected at "
                   "least {})",
                   *config_.pipeline.memory_budget, bytes * stages_.num_chunks);
  }
  return std::min(all, slots);
}

std::shared_ptr<const schedule::Graph> PipelineSetup::graph(int64_t num_microbatches,
                                                            const StageDurations& durations) const {
  auto graph =
      std::make_shared<schedule::Graph>(stages_, num_microbatches, splits_dynamic_backward());
  for (int64_t stage = 0; stage < stages_.num_stages(); ++stage) {
    const auto i = static_cast<size_t>(stage);
    for (int64_t m = 0; m < num_microbatches; ++m) {
      graph->set_duration(schedule::TaskKind::forward, stage, m, durations.forward[i]);
      graph->set_duration(schedule::TaskKind::backward_input, stage, m,
                          durations.backward_input[i]);
      graph->set_duration(schedule::TaskKind::backward_weight, stage, m,
                          durations.backward_weight[i]);
    }
  }
  return graph;
}

StageDurations PipelineSetup::estimated_durations() const {
  const model::ModelConfig& model = config_.model;
  const auto hidden = static_cast<double>(model.hidden_size);
  const auto attention = static_cast<double>(model.attention_width());
  const double weights =
      hidden * (static_cast<double>(model.head_layout().qkv_width()) + attention +
                static_cast<double>(model.fc1_width() + model.ffn_hidden_size));
  const double scores = static_cast<double>(config_.sequence_length) * attention;
  const double layer = weights + scores;
  const double head = hidden * static_cast<double>(model.vocab_size);
  StageDurations durations;
  for (const parallel::StageLayers& stage : partition_.stages()) {
    const double layers = layer * static_cast<double>(stage.num_layers);
    // The head's backward products run in its forward (OutputHead). A stage is never free.
    durations.forward.push_back(layers + (stage.has_head ? 3 * head : 0.0) + hidden);
    durations.backward_input.push_back(layers + hidden);
    durations.backward_weight.push_back(weights * static_cast<double>(stage.num_layers) + hidden);
  }
  return durations;
}

}  // namespace weft::train
