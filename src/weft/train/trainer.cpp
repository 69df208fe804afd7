#include "weft/train/trainer.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "weft/base/error.hpp"
#include "weft/model/gpt_parameters.hpp"
#include "weft/optim/schedule.hpp"
#include "weft/train/batch_source.hpp"
#include "weft/train/rank_log.hpp"

namespace weft::train {

namespace {

model::ParameterSet initial_parameters(const TrainConfig& config,
                                       std::span<const parallel::StageLayers> parts,
                                       MemoryResource& memory, const Stream& stream) {
  model::ParameterSet parameters = model::make_gpt_parameters(config.model, parts, memory, stream);
  if (config.draw_weights) {
    parameters.initialize(config.seed);
  } else {
    parameters.initialize_means();
  }
  return parameters;
}

/// `values` of every rank of a communicator, by rank; of this one alone without any.
std::vector<std::vector<double>> gather(comm::Communicator* ranks, std::span<const double> values) {
  if (ranks == nullptr) return {{values.begin(), values.end()}};
  const auto count = static_cast<int64_t>(values.size());
  std::vector<double> all(values.size() * static_cast<size_t>(ranks->size()));
  ranks->all_gather(ConstTensorView(values.data(), DType::f64, {count}),
                    TensorView(all.data(), DType::f64, {count * ranks->size()}));
  std::vector<std::vector<double>> by_rank;
  for (auto from = all.begin(); from != all.end(); from += count) {
    by_rank.emplace_back(from, from + count);
  }
  return by_rank;
}

/// A source whose work is timed.
class TimedSource final : public pipeline::MicrobatchSource {
 public:
  TimedSource(pipeline::MicrobatchSource& source, observe::Timers& timers)
      : source_(source), timers_(timers) {}

  model::Microbatch microbatch(int64_t index) override {
    const observe::TimerScope timer(timers_, observe::timer_name::kBatchGenerator);
    return source_.microbatch(index);
  }

 private:
  pipeline::MicrobatchSource& source_;
  observe::Timers& timers_;
};

}  // namespace

Trainer::Trainer(const TrainConfig& config, const data::Datasets& datasets,
                 const comm::RankContext& rank, const ComputeDevice& device)
    : config_(config),
      rank_(rank),
      setup_(config),
      groups_(setup_, rank_),
      parts_(setup_.parts(stage_rank())),
      evaluation_plan_(setup_.evaluation_plan(stage_rank())),
      shape_{.sequence = config.sequence_length, .samples = config.micro_batch_size},
      batches_(config.batch_schedule()),
      device_(device),
      stream_(device.make_stream()),
      plan_(plan_memory(config, stream_, stage_rank())),
      memory_(static_cast<size_t>(plan_.block()), device_.memory()),
      parameters_(initial_parameters(config, parts_, memory_, stream_)),
      model_(stream_, config.model, parts_, shape_, setup_.backward_mode(), parameters_,
             {.hidden = config.model.hidden_dropout,
              .attention = config.model.attention_dropout,
              .seed = config.seed},
             memory_),
      executor_(model_, first_plan(), groups_.place(), memory_),
      optimizer_(config.optimizer, parameters_, memory_, optimizer_ranks()) {
  check(memory_.used_bytes() == memory_.size_bytes(), ErrorKind::internal,
        "the memory plan of {} bytes holds {}", memory_.size_bytes(), memory_.used_bytes());
  if (datasets.train == nullptr) return;
  train_source_.emplace(*datasets.train, sampler_config(datasets.train->size()), shape_,
                        config_.model, groups_.replica());
}

/// The plan of the first iteration with room for all that follow.
pipeline::StepPlan Trainer::first_plan() const {
  pipeline::StepPlan plan = setup_.plan(stage_rank(), num_microbatches(batches_.at(0)));
  plan.slots = setup_.slots(stage_rank());
  return plan;
}

optim::ModelRanks Trainer::optimizer_ranks() const {
  if (groups_.pipeline() == nullptr) return {};
  return {.ranks = groups_.pipeline(), .parameters = model::gpt_parameter_names(config_.model)};
}

void Trainer::set_plan(int64_t num_microbatches) {
  executor_.set_plan(setup_.plan(stage_rank(), num_microbatches));
}

IterationResult Trainer::train_iteration() {
  const auto start = std::chrono::steady_clock::now();
  const BatchSize batch = next_batch();
  if (const int64_t count = num_microbatches(batch); count != executor_.num_microbatches()) {
    set_plan(count);
  }
  train_source_->start_iteration(state_.consumed_train_samples);

  enqueue_gradients();
  enqueue_update();
  // A GPU's kernels run beside the host, which reads on.
  if (device_.is_gpu()) train_source_->prefetch(state_.consumed_train_samples + batch.run);
  IterationResult result;
  result.batch_size = batch.run;
  result.loss = share(model_.take_loss());
  result.step = optimizer_.finish_step(stream_);
  check_finite(result);

  count_samples(batch);
  if (!result.step.skipped) state_.schedule_samples += batch.run;
  result.learning_rate = optim::learning_rate(config_.schedule, state_.schedule_samples);
  result.decoupled_learning_rate =
      optim::decoupled_learning_rate(config_.schedule, state_.schedule_samples);
  result.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  learn_durations();
  return result;
}

model::LossSum Trainer::share(model::LossSum loss) const {
  if (!has_others()) return loss;
  std::array<double, 2> sums{loss.loss, loss.tokens};  // zero on ranks without the head
  rank_.world().all_reduce(TensorView(sums.data(), DType::f64, {2}));
  return {.loss = sums[0], .tokens = sums[1]};
}

void Trainer::join_tied_gradients() {
  if (groups_.tied() == nullptr) return;
  groups_.tied()->all_reduce(parameters_.at(model::kWordEmbeddings).grad);
}

/// The first step measures what estimates only guess; later ones measure more quietly.
void Trainer::learn_durations() {
  ++run_iterations_;
  if (!setup_.uses_durations()) return;
  if (run_iterations_ != 1 && run_iterations_ < 4 * learned_at_) return;
  learned_at_ = run_iterations_;
  setup_.set_durations(mean_durations(last_step()));
  set_plan(executor_.num_microbatches());
}

std::vector<std::vector<double>> Trainer::of_all_ranks(std::span<const double> values) const {
  return gather(has_others() ? &rank_.world() : nullptr, values);
}

schedule::CommitLog Trainer::last_step() const {
  const std::array<double, 1> own_count{static_cast<double>(executor_.log().size())};
  size_t most = 0;
  for (const auto& count : gather(groups_.pipeline(), own_count)) {
    most = std::max(most, static_cast<size_t>(count[0]));
  }
  const RankLog own{.start = executor_.log_start(), .entries = executor_.log()};
  std::vector<RankLog> ranks;
  for (const std::vector<double>& packed : gather(groups_.pipeline(), pack(own, most))) {
    ranks.push_back(unpack(packed));
  }
  return join(setup_.stages(), executor_.num_microbatches(), ranks);
}

/// Times a part of an iteration where --timing-log-level asks for it, a GPU's work included.
class Trainer::PartTimer {
 public:
  PartTimer(Trainer& trainer, std::string_view name) : stream_(trainer.stream_) {
    if (trainer.config_.timing_log_level >= 1) scope_.emplace(trainer.timers_, name);
  }
  ~PartTimer() {
    if (scope_) stream_.synchronize();
  }
  PartTimer(const PartTimer&) = delete;
  PartTimer& operator=(const PartTimer&) = delete;

 private:
  Stream& stream_;
  std::optional<observe::TimerScope> scope_;
};

void Trainer::enqueue_gradients() {
  const PartTimer timer(*this, observe::timer_name::kForwardBackward);
  const auto mean =
      config_.per_token_loss ? pipeline::LossMean::tokens : pipeline::LossMean::microbatches;
  // The logs of all ranks count from one moment.
  if (has_others()) rank_.world().barrier();
  if (config_.timing_log_level < 2) {
    executor_.enqueue_step(*train_source_, optimizer_.loss_scale(), mean);
  } else {
    TimedSource source(*train_source_, timers_);
    executor_.enqueue_step(source, optimizer_.loss_scale(), mean);
  }
  join_tied_gradients();
}

void Trainer::enqueue_update() {
  const PartTimer timer(*this, observe::timer_name::kOptimizer);
  const int64_t samples = state_.schedule_samples;
  optimizer_.enqueue_step(
      model_.context(),
      {.learning_rate = optim::learning_rate(config_.schedule, samples),
       .weight_decay = optim::weight_decay(config_.schedule, samples),
       .decoupled_learning_rate = optim::decoupled_learning_rate(config_.schedule, samples)});
}

void Trainer::skip_iteration() {
  const BatchSize batch = next_batch();
  count_samples(batch);
  state_.skipped_train_samples += batch.run;
}

void Trainer::count_samples(const BatchSize& batch) {
  ++state_.iteration;
  state_.consumed_train_samples += batch.run;
  state_.skipped_train_samples += batch.asked - batch.run;
}

void Trainer::check_finite(const IterationResult& result) const {
  if (!config_.check_for_nan) return;
  const int64_t iteration = state_.iteration + 1;
  if (!std::isfinite(result.loss.mean())) {
    fail_with_hint(ErrorKind::numeric, "a smaller --lr, or --no-check-for-nan-in-loss-and-grad",
                   "Rank {}, iteration {}: the loss is {} (expected a finite number)", rank_.rank,
                   iteration, result.loss.mean());
  }
  // A dynamic loss scale finds its value by overflows: they skip the step.
  if (result.step.skipped && !config_.optimizer.loss_scale.dynamic) {
    fail_with_hint(ErrorKind::numeric,
                   "a smaller --lr or --clip-grad, or --no-check-for-nan-in-loss-and-grad",
                   "Rank {}, iteration {}: the gradient of {} is not finite", rank_.rank, iteration,
                   result.step.non_finite);
  }
}

model::LossSum Trainer::evaluate(const data::Dataset& dataset, int64_t consumed_samples) {
  BatchSource source(dataset, sampler_config(dataset.size()), shape_, config_.model,
                     groups_.replica());
  const BatchSize batch = batches_.full();
  model::LossSum total;
  for (int64_t i = 0; i < config_.eval_iters; ++i) {
    source.start_iteration(consumed_samples + i * batch.run);
    total += executor_.evaluate(source, evaluation_plan_);
  }
  return share(total);
}

data::SamplerConfig Trainer::sampler_config(int64_t total_samples) const {
  return {.type = config_.dataloader_type,
          .total_samples = total_samples,
          .micro_batch_size = config_.micro_batch_size,
          .data_parallel_size = config_.pipeline.num_replicas,
          .data_sharding = config_.data_sharding};
}

ProcessMemory Trainer::memory_in_use() const {
  if (!device_.is_gpu()) return process_memory();
  const int64_t used = device_.gpu().total_bytes - device_.free_bytes();
  return {.resident = used, .peak_resident = used};
}

double Trainer::params_norm() const { return optimizer_.params_norm(model_.context()); }

}  // namespace weft::train
