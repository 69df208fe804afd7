#include "weft/train/make_train_config.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "weft/train/argument_block.hpp"
#include "weft/train/batch_rules.hpp"
#include "weft/train/checkpoint_args.hpp"
#include "weft/train/data_words.hpp"
#include "weft/train/option_derivation.hpp"
#include "weft/train/option_rules.hpp"
#include "weft/train/option_status.hpp"
#include "weft/train/option_table.hpp"
#include "weft/train/parallel_rules.hpp"
#include "weft/train/pipeline_rules.hpp"
#include "weft/train/pipeline_setup.hpp"
#include "weft/train/saturating_product.hpp"

namespace weft::train {

namespace {

kernels::Activation activation(const OptionValues& values) {
  if (values.flag("swiglu")) return kernels::Activation::swiglu;
  if (values.flag("squared_relu")) return kernels::Activation::squared_relu;
  return values.flag("bias_gelu_fusion") ? kernels::Activation::gelu_tanh
                                         : kernels::Activation::gelu_erf;
}

model::PositionEmbedding position_embedding(const OptionValues& values) {
  const std::string type = values.text("position_embedding_type");
  if (type == "rope") return model::PositionEmbedding::rope;
  return type == "none" ? model::PositionEmbedding::none
                        : model::PositionEmbedding::learned_absolute;
}

model::RotaryConfig rotary_config(const OptionValues& values) {
  model::RotaryConfig rotary;
  rotary.percent = values.real("rotary_percent");
  rotary.base = values.real("rotary_base");
  rotary.pairs = values.flag("rotary_interleaved") ? kernels::RotaryPairs::neighbours
                                                   : kernels::RotaryPairs::halves;
  rotary.interpolation_factor =
      values.maybe_real("rotary_seq_len_interpolation_factor").value_or(1.0);
  rotary.llama3_scaling = values.flag("use_rope_scaling");
  rotary.llama3_scaling_factor = values.real("rope_scaling_factor");
  return rotary;
}

DType element_type(const OptionValues& values) {
  if (values.flag("fp16")) return DType::f16;
  return values.flag("bf16") ? DType::bf16 : DType::f32;
}

model::RecomputeConfig recompute_config(const OptionValues& values) {
  model::RecomputeConfig recompute;
  const std::string granularity = values.text("recompute_granularity");
  if (granularity == "selective") {
    recompute.granularity = model::RecomputeGranularity::selective;
  } else if (granularity == "full") {
    recompute.granularity = model::RecomputeGranularity::full;
  }
  if (values.text("recompute_method") == "block") recompute.method = model::RecomputeMethod::block;
  recompute.num_layers = values.maybe_integer("recompute_num_layers").value_or(1);
  return recompute;
}

model::ModelConfig model_config(const OptionValues& values) {
  model::ModelConfig model;
  model.dtype = element_type(values);
  model.fp32_residual_connection = values.flag("fp32_residual_connection");
  model.recompute = recompute_config(values);
  model.num_layers = values.integer("num_layers");
  model.hidden_size = values.integer("hidden_size");
  model.ffn_hidden_size = values.integer("ffn_hidden_size");
  model.num_attention_heads = values.integer("num_attention_heads");
  model.kv_channels = values.integer("kv_channels");
  model.max_position_embeddings = values.integer("max_position_embeddings");
  model.norm_epsilon = static_cast<float>(values.real("norm_epsilon"));
  if (values.flag("group_query_attention")) {
    model.num_query_groups = values.integer("num_query_groups");
  }
  model.normalization = values.text("normalization") == "RMSNorm"
                            ? model::Normalization::rms_norm
                            : model::Normalization::layer_norm;
  model.layernorm_1p = values.flag("apply_layernorm_1p");
  model.qk_layernorm = values.flag("qk_layernorm");
  model.activation = activation(values);
  model.position_embedding = position_embedding(values);
  model.rotary = rotary_config(values);
  model.linear_bias = values.flag("add_bias_linear");
  model.qkv_bias = values.flag("add_qkv_bias");
  model.tied_embeddings = !values.flag("untie_embeddings_and_output_weights");
  model.reset_attention_mask = values.flag("reset_attention_mask");
  model.hidden_dropout = values.real("hidden_dropout");
  model.attention_dropout = values.real("attention_dropout");
  model.init_method_std = values.real("init_method_std");
  model.init_method_xavier_uniform = values.flag("init_method_xavier_uniform");
  return model;
}

DataWords data_words(const OptionValues& values) {
  if (const std::string file = values.text("data_args_path"); !file.empty()) {
    return read_data_args(file);
  }
  if (const std::string file = values.text("per_split_data_args_path"); !file.empty()) {
    return read_per_split_data_args(file);
  }
  return {.blend = values.words("data_path"),
          .train = values.words("train_data_path"),
          .valid = values.words("valid_data_path"),
          .test = values.words("test_data_path")};
}

data::DataConfig data_config(const OptionValues& values) {
  data::DataConfig data;
  const DataWords words = data_words(values);
  data.data_path = words.blend;
  data.train_data_path = words.train;
  data.valid_data_path = words.valid;
  data.test_data_path = words.test;
  data.split = values.text("split");
  data.data_cache_path = values.text("data_cache_path");
  data.mock_data = values.flag("mock_data");
  data.seed = values.integer("seed");
  data.sequence_length = values.integer("seq_length");
  data.reset_position_ids = values.flag("reset_position_ids");
  data.eod_mask_loss = values.flag("eod_mask_loss");
  return data;
}

tokenizer::TokenizerConfig tokenizer_config(const OptionValues& values) {
  tokenizer::TokenizerConfig tokenizer;
  tokenizer.type = values.text("tokenizer_type");
  tokenizer.vocab_file = values.text("vocab_file");
  tokenizer.merge_file = values.text("merge_file");
  tokenizer.vocab_size = values.maybe_integer("vocab_size").value_or(0);
  return tokenizer;
}

optim::OptimizerConfig optimizer_config(const OptionValues& values) {
  optim::OptimizerConfig optimizer;
  optimizer.optimizer = values.text("optimizer");
  optimizer.adam_beta1 = values.real("adam_beta1");
  optimizer.adam_beta2 = values.real("adam_beta2");
  optimizer.adam_eps = values.real("adam_eps");
  optimizer.sgd_momentum = values.real("sgd_momentum");
  optimizer.clip_grad = values.real("clip_grad");
  optim::LossScaleConfig& scale = optimizer.loss_scale;
  // Megatron takes a fixed scale of 0 for none given.
  const double fixed = values.maybe_real("loss_scale").value_or(0.0);
  scale.dynamic = values.flag("fp16") && fixed == 0.0;
  scale.constant = fixed == 0.0 ? 1.0 : fixed;
  scale.initial = values.real("initial_loss_scale");
  scale.minimum = values.real("min_loss_scale");
  scale.window = static_cast<int64_t>(values.real("loss_scale_window"));
  scale.hysteresis = values.integer("hysteresis");
  return optimizer;
}

// Lengths are in samples whether the run counts iterations or samples (reference/megatron.md 6.4).
optim::ScheduleConfig schedule_config(const OptionValues& values) {
  optim::ScheduleConfig schedule;
  const bool by_samples = values.is_none("train_iters");
  const int64_t unit = by_samples ? 1 : values.integer("global_batch_size");
  const auto samples = [&](const char* iterations_name, const char* samples_name) {
    const auto length = values.maybe_integer(by_samples ? samples_name : iterations_name);
    return static_cast<double>(saturating_product(length.value_or(0), unit));
  };
  schedule.lr = values.real("lr");
  schedule.min_lr = values.real("min_lr");
  schedule.decoupled_lr = values.maybe_real("decoupled_lr");
  schedule.decoupled_min_lr = values.maybe_real("decoupled_min_lr");
  schedule.lr_warmup_init = values.real("lr_warmup_init");
  schedule.lr_decay_style = values.text("lr_decay_style");
  schedule.weight_decay_incr_samples = samples("train_iters", "train_samples");
  schedule.lr_decay_samples = samples("lr_decay_iters", "lr_decay_samples");
  if (schedule.lr_decay_samples == 0.0) {
    schedule.lr_decay_samples = schedule.weight_decay_incr_samples;
  }
  const auto fraction = values.maybe_real("lr_warmup_fraction");
  schedule.lr_warmup_samples = fraction ? *fraction * schedule.lr_decay_samples
                                        : samples("lr_warmup_iters", "lr_warmup_samples");
  schedule.lr_wsd_decay_samples = samples("lr_wsd_decay_iters", "lr_wsd_decay_samples");
  schedule.lr_wsd_decay_style = values.text("lr_wsd_decay_style");
  schedule.start_weight_decay = values.real("start_weight_decay");
  schedule.end_weight_decay = values.real("end_weight_decay");
  schedule.weight_decay_incr_style = values.text("weight_decay_incr_style");
  return schedule;
}

TimingOption timing_option(const OptionValues& values) {
  const std::string option = values.text("timing_log_option");
  if (option == "max") return TimingOption::max;
  return option == "all" ? TimingOption::all : TimingOption::minmax;
}

PipelineConfig pipeline_config(const OptionValues& values) {
  PipelineConfig pipeline;
  pipeline.split = layer_split(values);
  pipeline.num_replicas = std::max<int64_t>(1, values.integer("data_parallel_size"));
  pipeline.order = topology_sizes(values).order;
  pipeline.schedule = values.text("pipeline_schedule");
  pipeline.dynamic = values.flag("use_dpp");
  if (pipeline.schedule == "dynamic") {
    pipeline.schedule.clear();
    pipeline.dynamic = true;
  }
  const std::string mapping = values.text("pipeline_mapping");
  if (mapping != "auto") {
    pipeline.mapping = mapping == "wave" ? schedule::Mapping::wave : schedule::Mapping::loop;
  }
  pipeline.group_size = values.maybe_integer("microbatch_group_size_per_vp_stage").value_or(0);
  pipeline.dpp_order = values.text("dpp_order");
  pipeline.memory_budget = values.maybe_integer("dpp_memory_budget");
  pipeline.replay = values.text("replay_schedule");
  pipeline.commit_log = values.text("commit_log");
  pipeline.timeout_minutes = values.real("distributed_timeout_minutes");
  pipeline.faults = comm::parse_faults(values.text("inject"));
  return pipeline;
}

void set_loop(const OptionValues& values, TrainConfig& config) {
  config.sequence_length = values.integer("seq_length");
  config.micro_batch_size = values.integer("micro_batch_size");
  config.global_batch_size = values.integer("global_batch_size");
  config.batch_ramp = batch_ramp(values);
  config.train_samples = values.maybe_integer("train_samples");
  config.train_iters = config.train_samples
                           ? config.batch_schedule().length(*config.train_samples).iterations
                           : values.integer("train_iters");
  config.iterations_to_skip = values.integers("iterations_to_skip");
  config.make_vocab_size_divisible_by = values.integer("make_vocab_size_divisible_by");
  config.dataloader_type = values.text("dataloader_type");
  config.data_sharding = values.flag("data_sharding");
  config.seed = static_cast<uint64_t>(values.integer("seed"));
  config.draw_weights = values.flag("perform_initialization");
  config.threads_per_rank = static_cast<int>(values.maybe_integer("threads_per_rank").value_or(0));
  config.device = values.text("device");
  config.per_token_loss = values.flag("calculate_per_token_loss");
  config.skip_train = values.flag("skip_train");
  config.check_for_nan = values.flag("check_for_nan_in_loss_and_grad");
  config.exit_signal_handler = values.flag("exit_signal_handler");
  config.exit_interval = values.maybe_integer("exit_interval");
  config.exit_duration_minutes = values.maybe_real("exit_duration_in_mins");
  config.dry_run = values.flag("dry_run");
}

TensorboardConfig tensorboard_config(const OptionValues& values) {
  TensorboardConfig tensorboard;
  tensorboard.directory = values.text("tensorboard_dir");
  tensorboard.log_interval = values.integer("tensorboard_log_interval");
  tensorboard.queue_size = values.integer("tensorboard_queue_size");
  tensorboard.loss_scale = values.flag("log_loss_scale_to_tensorboard");
  tensorboard.timers = values.flag("log_timers_to_tensorboard");
  tensorboard.validation_ppl = values.flag("log_validation_ppl_to_tensorboard");
  tensorboard.memory = values.flag("log_memory_to_tensorboard");
  tensorboard.world_size = values.flag("log_world_size_to_tensorboard");
  return tensorboard;
}

void set_output(const OptionValues& values, TrainConfig& config) {
  config.log_interval = values.integer("log_interval");
  config.eval_interval = values.integer("eval_interval");
  config.eval_iters = values.integer("eval_iters");
  config.timing_log_level = values.integer("timing_log_level");
  config.timing_option = timing_option(values);
  config.log_throughput = values.flag("log_throughput");
  config.log_params_norm = values.flag("log_params_norm");
  config.metrics_file = values.text("metrics_file");
  config.tensorboard = tensorboard_config(values);
  config.log_progress = values.flag("log_progress");
  config.save = values.text("save");
  config.load = values.text("load");
  config.no_save_optim = !values.is_none("no_save_optim");
  config.ckpt_step = values.maybe_integer("ckpt_step");
  config.pretrained_checkpoint = values.text("pretrained_checkpoint");
  config.finetune = values.flag("finetune");
  config.no_load_optim = !values.is_none("no_load_optim");
  config.exit_on_missing_checkpoint = values.flag("exit_on_missing_checkpoint");
  if (values.flag("override_opt_param_scheduler")) {
    config.schedule_source = ScheduleSource::flags;
  } else if (values.flag("use_checkpoint_opt_param_scheduler")) {
    config.schedule_source = ScheduleSource::checkpoint;
  }
  config.save_interval = values.maybe_integer("save_interval");
}

std::string one_line(const OptionProblem& problem) {
  return problem.hint.empty() ? problem.message
                              : fmt::format("{}; try {}", problem.message, problem.hint);
}

// Megatron's scripts may switch curves on that nobody draws.
void warn_without_tensorboard(const OptionValues& values, std::vector<std::string>& warnings) {
  if (!values.text("tensorboard_dir").empty()) return;
  for (const char* name : {"log_timers_to_tensorboard", "log_validation_ppl_to_tensorboard",
                           "log_memory_to_tensorboard", "log_world_size_to_tensorboard"}) {
    if (!values.flag(name)) continue;
    warnings.push_back(fmt::format("{} has no effect: there is no --tensorboard-dir",
                                   main_flag(*find_option(name))));
  }
}

// Whether `problem` only says that a value is missing which was given, but could not be read.
bool follows_from(const OptionProblem& problem, const std::vector<OptionProblem>& read) {
  return std::any_of(read.begin(), read.end(), [&](const OptionProblem& earlier) {
    return !earlier.option.empty() &&
           problem.message.starts_with(earlier.option + " argument is None");
  });
}

}  // namespace

ResolvedOptions resolve_options(const ParsedOptions& parsed) {
  ResolvedOptions resolved{parsed.values, {}, parsed.warnings, {}};
  derive_values(resolved.values);
  resolved.notices = parsed.notices;
  for (std::string& line : start_notices(parsed.values, resolved.values)) {
    resolved.notices.push_back(std::move(line));
  }
  resolved.argument_block = argument_block(resolved.values);
  return resolved;
}

TrainConfig make_train_config(const OptionValues& values) {
  TrainConfig config;
  config.model = model_config(values);
  config.data = data_config(values);
  config.tokenizer = tokenizer_config(values);
  config.optimizer = optimizer_config(values);
  config.schedule = schedule_config(values);
  config.pipeline = pipeline_config(values);
  set_loop(values, config);
  set_output(values, config);
  return config;
}

Error problems_error(const std::vector<OptionProblem>& problems) {
  if (problems.size() == 1) {
    return Error(ErrorKind::usage, problems.front().message, problems.front().hint);
  }
  std::string message = fmt::format("{} problems with the options", problems.size());
  for (const OptionProblem& problem : problems) message += "\n  " + one_line(problem);
  return Error(ErrorKind::usage, message);
}

PreparedRun prepare_run(const OptionSources& sources) {
  ParsedOptions parsed = parse_options(sources);
  apply_checkpoint_args(parsed);
  std::vector<OptionProblem> problems = parsed.problems;
  check_statuses(parsed.values, problems, parsed.warnings);
  warn_without_tensorboard(parsed.values, parsed.warnings);
  for (std::string& line : pipeline_warnings(parsed.values)) {
    parsed.warnings.push_back(std::move(line));
  }
  ResolvedOptions options = resolve_options(parsed);
  for (const OptionProblem& broken : check_rules(options.values)) {
    if (!follows_from(broken, parsed.problems)) problems.push_back(broken);
  }
  if (!problems.empty()) throw problems_error(problems);
  TrainConfig config = make_train_config(options.values);
  if (const auto job = sources.environment.find("SLURM_JOB_ID"); job != sources.environment.end()) {
    config.job_id = job->second;
  }
  const PipelineSetup checked(config);
  if (config.pipeline.num_ranks() > 1) (void)checked.slots(0);  // a plan for every batch size
  return {std::move(config), std::move(options)};
}

}  // namespace weft::train
