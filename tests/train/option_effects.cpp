// The table of effects: data, one entry per option, longer than 400 lines for that reason.
#include "train/option_effects.hpp"

#include <fmt/format.h>

namespace weft::train {

namespace {

using Config = const TrainConfig&;
using Positions = model::PositionEmbedding;

template <typename T>
std::string text(const T& value) {
  return fmt::format("{}", value);
}

template <typename T>
std::string maybe(const std::optional<T>& value) {
  return value ? text(*value) : "none";
}

std::string first(const std::vector<std::string>& words) {
  return words.empty() ? "none" : words.front();
}

std::vector<OptionEffect> pipeline_effects() {
  return {
      {"Pipeline", "pipeline_model_parallel_size", "--pipeline-model-parallel-size 2",
       [](Config c) { return text(c.pipeline.num_ranks()); }, "2"},
      {"Pipeline", "num_layers_per_virtual_pipeline_stage",
       "--pipeline-model-parallel-size 2 --num-layers 8 --num-layers-per-virtual-pipeline-stage 2",
       [](Config c) { return maybe(c.pipeline.split.layers_per_chunk); }, "2"},
      {"Pipeline", "num_virtual_stages_per_pipeline_rank",
       "--pipeline-model-parallel-size 2 --num-layers 8 --num-virtual-stages-per-pipeline-rank 2",
       [](Config c) { return maybe(c.pipeline.split.chunks_per_rank); }, "2"},
      {"Pipeline", "microbatch_group_size_per_vp_stage",
       "--microbatch-group-size-per-virtual-pipeline-stage 4",
       [](Config c) { return text(c.pipeline.group_size); }, "4"},
      {"Pipeline", "decoder_first_pipeline_num_layers",
       "--pipeline-model-parallel-size 2 --num-layers 3 --decoder-first-pipeline-num-layers 1",
       [](Config c) { return maybe(c.pipeline.split.first_rank_layers); }, "1"},
      {"Pipeline", "decoder_last_pipeline_num_layers",
       "--pipeline-model-parallel-size 2 --num-layers 3 --decoder-last-pipeline-num-layers 1",
       [](Config c) { return maybe(c.pipeline.split.last_rank_layers); }, "1"},
      {"Pipeline", "account_for_embedding_in_pipeline_split",
       "--pipeline-model-parallel-size 2 --num-layers 3 "
       "--account-for-embedding-in-pipeline-split",
       [](Config c) { return text(c.pipeline.split.account_for_embedding); }, "true"},
      {"Pipeline", "account_for_loss_in_pipeline_split",
       "--pipeline-model-parallel-size 2 --num-layers 3 --account-for-loss-in-pipeline-split",
       [](Config c) { return text(c.pipeline.split.account_for_loss); }, "true"},
      {"Pipeline", "distributed_timeout_minutes", "--distributed-timeout-minutes 0.5",
       [](Config c) { return text(c.pipeline.timeout_minutes); }, "0.5"},
      {"Replicas", "world_size", "--world-size 2",
       [](Config c) { return text(c.pipeline.num_replicas); }, "2"},
      {"Replicas", "use_tp_pp_dp_mapping", "--use-tp-pp-dp-mapping",
       [](Config c) { return parallel::order_text(c.pipeline.order); }, "tp-cp-ep-pp-dp"},
      {"Pipeline", "use_dpp", "--use-dpp", [](Config c) { return text(c.pipeline.dynamic); },
       "true"},
      {"Pipeline", "pipeline_schedule", "--pipeline-schedule zb-h1",
       [](Config c) { return c.pipeline.schedule; }, "zb-h1"},
      {"Pipeline", "pipeline_mapping", "--pipeline-mapping wave",
       [](Config c) {
         return std::string(c.pipeline.mapping ? name(*c.pipeline.mapping) : "auto");
       },
       "wave"},
      {"Pipeline", "dpp_order", "--use-dpp --dpp-order deep",
       [](Config c) { return c.pipeline.dpp_order; }, "deep"},
      {"Pipeline", "dpp_memory_budget", "--use-dpp --dpp-memory-budget 1000000",
       [](Config c) { return maybe(c.pipeline.memory_budget); }, "1000000"},
      {"Pipeline", "replay_schedule", "--replay-schedule log.csv",
       [](Config c) { return c.pipeline.replay; }, "log.csv"},
      {"Pipeline", "commit_log", "--commit-log log.csv",
       [](Config c) { return c.pipeline.commit_log; }, "log.csv"},
      {"Pipeline", "inject", "--inject delay:rank=0,ms=1",
       [](Config c) { return text(c.pipeline.faults.size()); }, "1"},
  };
}

std::vector<OptionEffect> model_effects() {
  return {
      {"ModelSizes", "num_layers", "--num-layers 3",
       [](Config c) { return text(c.model.num_layers); }, "3"},
      {"ModelSizes", "hidden_size", "--hidden-size 64",
       [](Config c) { return text(c.model.hidden_size); }, "64"},
      {"ModelSizes", "ffn_hidden_size", "--ffn-hidden-size 100",
       [](Config c) { return text(c.model.ffn_hidden_size); }, "100"},
      {"ModelSizes", "num_attention_heads", "--num-attention-heads 8",
       [](Config c) { return text(c.model.num_attention_heads); }, "8"},
      {"ModelSizes", "kv_channels", "--kv-channels 5",
       [](Config c) { return text(c.model.kv_channels); }, "5"},
      {"ModelSizes", "max_position_embeddings", "--max-position-embeddings 99",
       [](Config c) { return text(c.model.max_position_embeddings); }, "99"},
      {"ModelSizes", "norm_epsilon", "--norm-epsilon 0.5",
       [](Config c) { return text(c.model.norm_epsilon); }, "0.5"},
      {"ModelSizes", "init_method_std", "--init-method-std 0.25",
       [](Config c) { return text(c.model.init_method_std); }, "0.25"},
      {"InitialWeights", "init_method_xavier_uniform", "--init-method-xavier-uniform",
       [](Config c) { return text(c.model.init_method_xavier_uniform); }, "true"},
      {"InitialWeights", "perform_initialization", "--no-initialization --load in",
       [](Config c) { return text(c.draw_weights); }, "false"},
      {"ModelSizes", "seq_length", "--seq-length 9",
       [](Config c) { return text(c.sequence_length) + text(c.data.sequence_length); }, "99"},
      {"ModelVariants", "untie_embeddings_and_output_weights",
       "--untie-embeddings-and-output-weights",
       [](Config c) { return text(c.model.tied_embeddings); }, "false"},
      {"ModelVariants", "bias_gelu_fusion", "--no-bias-gelu-fusion",
       [](Config c) { return text(c.model.activation == kernels::Activation::gelu_erf); }, "true"},
      {"ElementType", "bf16", "--bf16", [](Config c) { return std::string(name(c.model.dtype)); },
       "bf16"},
      {"ElementType", "fp16", "--fp16", [](Config c) { return std::string(name(c.model.dtype)); },
       "f16"},
      {"ElementType", "fp32_residual_connection", "--bf16 --fp32-residual-connection",
       [](Config c) { return text(c.model.fp32_residual_connection); }, "true"},
      {"LossScale", "loss_scale", "--loss-scale 8",
       [](Config c) { return text(c.optimizer.loss_scale.constant); }, "8"},
      {"LossScale", "initial_loss_scale", "--fp16 --initial-loss-scale 64",
       [](Config c) { return text(c.optimizer.loss_scale.initial); }, "64"},
      {"LossScale", "min_loss_scale", "--fp16 --min-loss-scale 4",
       [](Config c) { return text(c.optimizer.loss_scale.minimum); }, "4"},
      {"LossScale", "loss_scale_window", "--fp16 --loss-scale-window 7",
       [](Config c) { return text(c.optimizer.loss_scale.window); }, "7"},
      {"LossScale", "hysteresis", "--fp16 --hysteresis 3",
       [](Config c) { return text(c.optimizer.loss_scale.hysteresis); }, "3"},
      {"Recompute", "recompute_granularity", "--recompute-granularity selective",
       [](Config c) { return text(c.model.recompute.attention()); }, "true"},
      {"Recompute", "recompute_modules",
       "--recompute-granularity selective --recompute-modules core_attn",
       [](Config c) { return text(c.model.recompute.attention()); }, "true"},
      {"Recompute", "recompute_activations", "--recompute-activations",
       [](Config c) { return text(c.model.recompute.attention()); }, "true"},
      {"Recompute", "recompute_method",
       "--recompute-granularity full --recompute-method block --recompute-num-layers 1",
       [](Config c) { return text(c.model.recompute.method == model::RecomputeMethod::block); },
       "true"},
      {"Recompute", "recompute_num_layers",
       "--recompute-granularity full --recompute-method uniform --recompute-num-layers 2",
       [](Config c) { return text(c.model.recompute.num_layers); }, "2"},
      {"Dropout", "hidden_dropout", "--hidden-dropout 0.5",
       [](Config c) { return text(c.model.hidden_dropout); }, "0.5"},
      {"Dropout", "attention_dropout", "--attention-dropout 0.5",
       [](Config c) { return text(c.model.attention_dropout); }, "0.5"},
      {"Seed", "seed", "--seed 7", [](Config c) { return text(c.seed) + text(c.data.seed); }, "77"},
      {"Vocabulary", "make_vocab_size_divisible_by", "--make-vocab-size-divisible-by 8",
       [](Config c) { return text(c.make_vocab_size_divisible_by); }, "8"},
      {"Vocabulary", "tokenizer_type", "--tokenizer-type NullTokenizer --vocab-size 9",
       [](Config c) { return c.tokenizer.type; }, "NullTokenizer"},
      {"Vocabulary", "vocab_size", "--vocab-size 9",
       [](Config c) { return text(c.tokenizer.vocab_size); }, "9"},
      {"Vocabulary", "vocab_file", "--vocab-file other.json",
       [](Config c) { return c.tokenizer.vocab_file; }, "other.json"},
      {"Vocabulary", "merge_file", "--merge-file other.txt",
       [](Config c) { return c.tokenizer.merge_file; }, "other.txt"},
  };
}

std::vector<OptionEffect> architecture_effects() {
  return {
      {"QueryGroups", "group_query_attention", "--group-query-attention --num-query-groups 2",
       [](Config c) { return text(c.model.query_groups()); }, "2"},
      {"QueryGroups", "num_query_groups", "--group-query-attention --num-query-groups 1",
       [](Config c) { return text(c.model.query_groups()); }, "1"},
      {"Positions", "position_embedding_type", "--position-embedding-type none",
       [](Config c) { return text(c.model.position_embedding == Positions::none); }, "true"},
      {"Positions", "position_embedding_type", "--position-embedding-type rope",
       [](Config c) { return text(c.model.position_embedding == Positions::rope); }, "true"},
      {"Positions", "use_rotary_position_embeddings", "--use-rotary-position-embeddings",
       [](Config c) { return text(c.model.position_embedding == Positions::rope); }, "true"},
      {"Rotary", "rotary_base", "--position-embedding-type rope --rotary-base 500",
       [](Config c) { return text(c.model.rotary.base); }, "500"},
      {"Rotary", "rotary_percent", "--position-embedding-type rope --rotary-percent 0.5",
       [](Config c) { return text(c.model.rotary.percent); }, "0.5"},
      {"Rotary", "rotary_interleaved", "--position-embedding-type rope --rotary-interleaved",
       [](Config c) { return text(c.model.rotary.pairs == kernels::RotaryPairs::neighbours); },
       "true"},
      {"Rotary", "rotary_seq_len_interpolation_factor",
       "--position-embedding-type rope --rotary-seq-len-interpolation-factor 4",
       [](Config c) { return text(c.model.rotary.interpolation_factor); }, "4"},
      {"Rotary", "use_rope_scaling", "--position-embedding-type rope --use-rope-scaling",
       [](Config c) { return text(c.model.rotary.llama3_scaling); }, "true"},
      {"Rotary", "rope_scaling_factor",
       "--position-embedding-type rope --use-rope-scaling --rope-scaling-factor 32",
       [](Config c) { return text(c.model.rotary.llama3_scaling_factor); }, "32"},
      {"Norms", "normalization", "--normalization RMSNorm",
       [](Config c) { return text(c.model.normalization == model::Normalization::rms_norm); },
       "true"},
      {"Norms", "apply_layernorm_1p", "--apply-layernorm-1p",
       [](Config c) { return text(c.model.layernorm_1p); }, "true"},
      {"Norms", "qk_layernorm", "--qk-layernorm",
       [](Config c) { return text(c.model.qk_layernorm); }, "true"},
      {"ModelVariants", "squared_relu", "--squared-relu",
       [](Config c) { return text(c.model.activation == kernels::Activation::squared_relu); },
       "true"},
      {"ModelVariants", "swiglu", "--swiglu",
       [](Config c) { return text(c.model.activation == kernels::Activation::swiglu); }, "true"},
      {"Biases", "add_bias_linear", "--disable-bias-linear",
       [](Config c) { return text(c.model.linear_bias) + " " + text(c.model.qkv_bias); },
       "false false"},
      {"Biases", "add_qkv_bias", "--disable-bias-linear --add-qkv-bias",
       [](Config c) { return text(c.model.linear_bias) + " " + text(c.model.qkv_bias); },
       "false true"},
  };
}

std::vector<OptionEffect> optimizer_effects() {
  return {
      {"Optimizer", "optimizer", "--optimizer sgd", [](Config c) { return c.optimizer.optimizer; },
       "sgd"},
      {"Optimizer", "adam_beta1", "--adam-beta1 0.5",
       [](Config c) { return text(c.optimizer.adam_beta1); }, "0.5"},
      {"Optimizer", "adam_beta2", "--adam-beta2 0.5",
       [](Config c) { return text(c.optimizer.adam_beta2); }, "0.5"},
      {"Optimizer", "adam_eps", "--adam-eps 0.5",
       [](Config c) { return text(c.optimizer.adam_eps); }, "0.5"},
      {"Optimizer", "sgd_momentum", "--sgd-momentum 0.5",
       [](Config c) { return text(c.optimizer.sgd_momentum); }, "0.5"},
      {"Optimizer", "clip_grad", "--clip-grad 0.5",
       [](Config c) { return text(c.optimizer.clip_grad); }, "0.5"},
      {"WeightDecay", "weight_decay", "--weight-decay 0.5",
       [](Config c) {
         return text(c.schedule.start_weight_decay) + " " + text(c.schedule.end_weight_decay);
       },
       "0.5 0.5"},
      {"WeightDecay", "start_weight_decay",
       "--weight-decay-incr-style linear --start-weight-decay 0.25 --end-weight-decay 0.5",
       [](Config c) { return text(c.schedule.start_weight_decay); }, "0.25"},
      {"WeightDecay", "end_weight_decay",
       "--weight-decay-incr-style linear --start-weight-decay 0.25 --end-weight-decay 0.5",
       [](Config c) { return text(c.schedule.end_weight_decay); }, "0.5"},
      {"WeightDecay", "weight_decay_incr_style",
       "--weight-decay-incr-style cosine --start-weight-decay 0.25 --end-weight-decay 0.5",
       [](Config c) { return c.schedule.weight_decay_incr_style; }, "cosine"},
      {"LearningRate", "lr", "--lr 0.5", [](Config c) { return text(c.schedule.lr); }, "0.5"},
      {"LearningRate", "min_lr", "--min-lr 1e-5", [](Config c) { return text(c.schedule.min_lr); },
       "1e-05"},
      {"LearningRate", "decoupled_lr", "--decoupled-lr 0.25",
       [](Config c) { return maybe(c.schedule.decoupled_lr); }, "0.25"},
      {"LearningRate", "decoupled_min_lr", "--decoupled-lr 0.25 --decoupled-min-lr 0.125",
       [](Config c) { return maybe(c.schedule.decoupled_min_lr); }, "0.125"},
      {"LearningRate", "lr_decay_style", "--lr-decay-style cosine",
       [](Config c) { return c.schedule.lr_decay_style; }, "cosine"},
      {"LearningRate", "lr_decay_iters", "--lr-decay-iters 30",
       [](Config c) { return text(c.schedule.lr_decay_samples); }, "120"},
      {"LearningRate", "lr_warmup_fraction", "--lr-warmup-fraction 0.25",
       [](Config c) { return text(c.schedule.lr_warmup_samples); }, "10"},
      {"LearningRate", "lr_warmup_iters", "--lr-warmup-iters 3",
       [](Config c) { return text(c.schedule.lr_warmup_samples); }, "12"},
      {"LearningRate", "lr_warmup_init", "--lr-warmup-init 1e-5",
       [](Config c) { return text(c.schedule.lr_warmup_init); }, "1e-05"},
      {"LearningRate", "lr_wsd_decay_style", "--lr-wsd-decay-style cosine",
       [](Config c) { return c.schedule.lr_wsd_decay_style; }, "cosine"},
      {"LearningRate", "lr_wsd_decay_iters", "--lr-wsd-decay-iters 2",
       [](Config c) { return text(c.schedule.lr_wsd_decay_samples); }, "8"},
      {"SampleBasedTraining", "train_samples", "--train-iters None --train-samples 82",
       [](Config c) { return text(c.train_iters) + " " + maybe(c.train_samples); }, "20 82"},
      {"SampleBasedTraining", "lr_decay_samples",
       "--train-iters None --train-samples 80 --lr-decay-samples 50",
       [](Config c) { return text(c.schedule.lr_decay_samples); }, "50"},
      {"SampleBasedTraining", "lr_warmup_samples",
       "--train-iters None --train-samples 80 --lr-warmup-samples 7",
       [](Config c) { return text(c.schedule.lr_warmup_samples); }, "7"},
      {"SampleBasedTraining", "lr_wsd_decay_samples",
       "--train-iters None --train-samples 80 --lr-wsd-decay-samples 6",
       [](Config c) { return text(c.schedule.lr_wsd_decay_samples); }, "6"},
  };
}

std::vector<OptionEffect> data_effects() {
  return {
      {"DataPaths", "data_path", "--data-path 0.5 a 0.5 b",
       [](Config c) {
         return fmt::format("{} {}", c.data.data_path.size(), c.data.data_path.back());
       },
       "4 b"},
      {"DataPaths", "split", "--split 8,1,1", [](Config c) { return c.data.split; }, "8,1,1"},
      {"DataPaths", "train_data_path", "--data-path None --train-data-path t",
       [](Config c) { return first(c.data.train_data_path); }, "t"},
      {"DataPaths", "valid_data_path", "--data-path None --train-data-path t --valid-data-path v",
       [](Config c) { return first(c.data.valid_data_path); }, "v"},
      {"DataPaths", "test_data_path", "--data-path None --train-data-path t --test-data-path u",
       [](Config c) { return first(c.data.test_data_path); }, "u"},
      {"DataPaths", "data_cache_path", "--data-cache-path cache",
       [](Config c) { return c.data.data_cache_path; }, "cache"},
      {"DataPaths", "mock_data", "--data-path None --mock-data",
       [](Config c) { return text(c.data.mock_data); }, "true"},
      {"Sampling", "dataloader_type", "--dataloader-type cyclic",
       [](Config c) { return c.dataloader_type; }, "cyclic"},
      {"Sampling", "data_sharding", "--no-data-sharding",
       [](Config c) { return text(c.data_sharding); }, "false"},
      {"DocumentBorders", "reset_position_ids", "--reset-position-ids",
       [](Config c) { return text(c.data.reset_position_ids); }, "true"},
      {"DocumentBorders", "reset_attention_mask", "--reset-attention-mask",
       [](Config c) { return text(c.model.reset_attention_mask); }, "true"},
      {"DocumentBorders", "eod_mask_loss", "--eod-mask-loss",
       [](Config c) { return text(c.data.eod_mask_loss); }, "true"},
      {"Aliases", "encoder_num_layers", "--num-layers None --encoder-num-layers 5",
       [](Config c) { return text(c.model.num_layers); }, "5"},
      {"Aliases", "encoder_seq_length", "--seq-length None --encoder-seq-length 6",
       [](Config c) { return text(c.sequence_length); }, "6"},
  };
}

std::vector<OptionEffect> loop_effects() {
  return {
      {"BatchSizes", "micro_batch_size", "--micro-batch-size 4",
       [](Config c) { return text(c.micro_batch_size); }, "4"},
      {"BatchSizes", "global_batch_size", "--global-batch-size 8",
       [](Config c) { return text(c.global_batch_size); }, "8"},
      {"LossMean", "calculate_per_token_loss", "--calculate-per-token-loss",
       [](Config c) { return text(c.per_token_loss); }, "true"},
      {"BatchRamp", "rampup_batch_size",
       "--train-iters None --train-samples 80 --rampup-batch-size 2 2 40",
       [](Config c) {
         return fmt::format("{} {} {}", c.train_iters, c.batch_schedule().at(0).run,
                            c.batch_schedule().at(41).run);
       },
       "30 2 4"},
      {"BatchRamp", "decrease_batch_size_if_needed",
       "--global-batch-size 7 --decrease-batch-size-if-needed",
       [](Config c) { return text(c.batch_schedule().full().run); }, "6"},
      {"TrainingLength", "iterations_to_skip", "--iterations-to-skip 3 5",
       [](Config c) {
         return text(c.iterations_to_skip.size()) +
                text(c.iterations_to_skip.empty() ? 0 : c.iterations_to_skip.back());
       },
       "25"},
      {"TrainingLength", "train_iters", "--train-iters 11",
       [](Config c) { return text(c.train_iters); }, "11"},
      {"TrainingLength", "exit_interval", "--exit-interval 5",
       [](Config c) { return maybe(c.exit_interval); }, "5"},
      {"TrainingLength", "exit_duration_in_mins", "--exit-duration-in-mins 5",
       [](Config c) { return maybe(c.exit_duration_minutes); }, "5"},
      {"Evaluation", "skip_train", "--skip-train", [](Config c) { return text(c.skip_train); },
       "true"},
      {"Evaluation", "eval_interval", "--eval-interval 5",
       [](Config c) { return text(c.eval_interval); }, "5"},
      {"Evaluation", "eval_iters", "--eval-iters 5", [](Config c) { return text(c.eval_iters); },
       "5"},
      {"Checks", "check_for_nan_in_loss_and_grad", "--no-check-for-nan-in-loss-and-grad",
       [](Config c) { return text(c.check_for_nan); }, "false"},
      {"Logging", "log_interval", "--log-interval 5", [](Config c) { return text(c.log_interval); },
       "5"},
      {"Logging", "timing_log_level", "--timing-log-level 2",
       [](Config c) { return text(c.timing_log_level); }, "2"},
      {"Logging", "timing_log_option", "--timing-log-option all",
       [](Config c) { return text(c.timing_option == TimingOption::all); }, "true"},
      {"Logging", "log_params_norm", "--log-params-norm",
       [](Config c) { return text(c.log_params_norm); }, "true"},
      {"Logging", "log_throughput", "--log-throughput",
       [](Config c) { return text(c.log_throughput); }, "true"},
      {"Logging", "log_progress", "--log-progress --save out --save-interval 5",
       [](Config c) { return text(c.log_progress); }, "true"},
      {"Logging", "metrics_file", "--metrics-file m.jsonl", [](Config c) { return c.metrics_file; },
       "m.jsonl"},
      {"TensorBoard", "tensorboard_dir", "--tensorboard-dir curves",
       [](Config c) { return c.tensorboard.directory; }, "curves"},
      {"TensorBoard", "tensorboard_log_interval", "--tensorboard-log-interval 5",
       [](Config c) { return text(c.tensorboard.log_interval); }, "5"},
      {"TensorBoard", "tensorboard_queue_size", "--tensorboard-queue-size 5",
       [](Config c) { return text(c.tensorboard.queue_size); }, "5"},
      {"TensorBoard", "log_loss_scale_to_tensorboard", "--no-log-loss-scale-to-tensorboard",
       [](Config c) { return text(c.tensorboard.loss_scale); }, "false"},
      {"TensorBoard", "log_timers_to_tensorboard", "--log-timers-to-tensorboard",
       [](Config c) { return text(c.tensorboard.timers); }, "true"},
      {"TensorBoard", "log_validation_ppl_to_tensorboard", "--log-validation-ppl-to-tensorboard",
       [](Config c) { return text(c.tensorboard.validation_ppl); }, "true"},
      {"TensorBoard", "log_memory_to_tensorboard", "--log-memory-to-tensorboard",
       [](Config c) { return text(c.tensorboard.memory); }, "true"},
      {"TensorBoard", "log_world_size_to_tensorboard", "--log-world-size-to-tensorboard",
       [](Config c) { return text(c.tensorboard.world_size); }, "true"},
      {"Checkpoints", "save", "--save out --save-interval 5", [](Config c) { return c.save; },
       "out"},
      {"Checkpoints", "save_interval", "--persistent-save-interval 5",
       [](Config c) { return maybe(c.save_interval); }, "5"},
      {"Checkpoints", "load", "--load in", [](Config c) { return c.load; }, "in"},
      {"Checkpoints", "ckpt_step", "--ckpt-step 7", [](Config c) { return maybe(c.ckpt_step); },
       "7"},
      {"Checkpoints", "finetune", "--finetune", [](Config c) { return text(c.finetune); }, "true"},
      {"Checkpoints", "pretrained_checkpoint", "--pretrained-checkpoint in",
       [](Config c) { return c.pretrained_checkpoint; }, "in"},
      {"Checkpoints", "no_load_optim", "--no-load-optim",
       [](Config c) { return text(c.no_load_optim); }, "true"},
      {"Checkpoints", "no_save_optim", "--no-save-optim",
       [](Config c) { return text(c.no_save_optim); }, "true"},
      {"Checkpoints", "exit_on_missing_checkpoint", "--exit-on-missing-checkpoint",
       [](Config c) { return text(c.exit_on_missing_checkpoint); }, "true"},
      {"Checkpoints", "override_opt_param_scheduler", "--override-opt_param-scheduler",
       [](Config c) { return text(c.schedule_source == ScheduleSource::flags); }, "true"},
      {"Checkpoints", "use_checkpoint_opt_param_scheduler", "--use-checkpoint-opt_param-scheduler",
       [](Config c) { return text(c.schedule_source == ScheduleSource::checkpoint); }, "true"},
      {"Device", "device", "--device cuda:1", [](Config c) { return c.device; }, "cuda:1"},
      {"Threads", "threads_per_rank", "--threads-per-rank 2",
       [](Config c) { return text(c.threads_per_rank); }, "2"},
  };
}

std::vector<OptionEffect> all_effects() {
  std::vector<OptionEffect> effects;
  for (const auto& part : {model_effects(), architecture_effects(), optimizer_effects(),
                           data_effects(), loop_effects(), pipeline_effects()}) {
    effects.insert(effects.end(), part.begin(), part.end());
  }
  return effects;
}

}  // namespace

const std::vector<OptionEffect>& option_effects() {
  static const std::vector<OptionEffect> effects = all_effects();
  return effects;
}

}  // namespace weft::train
