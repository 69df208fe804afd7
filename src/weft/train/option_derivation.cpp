#include "weft/train/option_derivation.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "weft/train/saturating_product.hpp"

namespace weft::train {

namespace {

constexpr const char* kPipeline = "pipeline_model_parallel_size";
constexpr const char* kVirtual = "virtual_pipeline_model_parallel_size";

// `a` is filled from `b` and `b` from `a`, whichever was given.
void mirror(OptionValues& values, const char* a, const char* b) {
  if (values.is_none(a))
    values.derive(a, values.at(b));
  else
    values.derive(b, values.at(a));
}

void derive_ranks(OptionValues& values) {
  int64_t model_parallel = 1;
  for (const char* axis : {"tensor_model_parallel_size", kPipeline, "context_parallel_size"}) {
    model_parallel = saturating_product(model_parallel, std::max<int64_t>(1, values.integer(axis)));
  }
  if (values.is_none("world_size")) values.derive("world_size", model_parallel);
  values.derive("rank", int64_t{0});
  values.derive("data_parallel_size", values.integer("world_size") / model_parallel);
  values.derive("transformer_pipeline_model_parallel_size", values.at(kPipeline));
  if (values.is_none("expert_tensor_parallel_size")) {
    values.derive("expert_tensor_parallel_size", values.at("tensor_model_parallel_size"));
  }
}

void derive_chunks(OptionValues& values) {
  const int64_t stages = values.integer(kPipeline);
  const auto layers = values.maybe_integer("num_layers");
  const auto chunk_layers = values.maybe_integer("num_layers_per_virtual_pipeline_stage");
  const auto chunks = values.maybe_integer("num_virtual_stages_per_pipeline_rank");
  if (chunks)
    values.derive(kVirtual, *chunks);
  else if (chunk_layers && layers && stages > 0 && *chunk_layers > 0) {
    values.derive(kVirtual, *layers / stages / *chunk_layers);
  }
  if (values.is_none(kVirtual)) {
    values.derive("overlap_p2p_comm", false);
    values.derive("align_param_gather", false);
  }
}

void derive_model(OptionValues& values) {
  mirror(values, "num_layers", "encoder_num_layers");
  mirror(values, "seq_length", "encoder_seq_length");
  const auto hidden = values.maybe_integer("hidden_size");
  const auto heads = values.maybe_integer("num_attention_heads");
  if (hidden && values.is_none("ffn_hidden_size")) {
    const int64_t plain = saturating_product(4, std::max<int64_t>(0, *hidden));
    // 2/3 of it, rounded down to a multiple of 64, keeps SwiGLU's size near GELU's.
    const int64_t gated = plain / 3 * 2 / 64 * 64;
    values.derive("ffn_hidden_size", values.flag("swiglu") ? gated : plain);
  }
  if (hidden && heads && *heads > 0 && values.is_none("kv_channels")) {
    values.derive("kv_channels", *hidden / *heads);
  }
  if (values.is_none("moe_ffn_hidden_size")) {
    values.derive("moe_ffn_hidden_size", values.at("ffn_hidden_size"));
  }
  if (values.flag("use_rotary_position_embeddings")) {
    values.derive("position_embedding_type", std::string("rope"));
  }
  if (values.text("position_embedding_type") != "rope") values.derive("apply_rope_fusion", false);
  if (values.flag("add_bias_linear"))
    values.derive("add_qkv_bias", true);
  else
    values.derive("bias_gelu_fusion", false);
  if (values.flag("apply_query_key_layer_scaling"))
    values.derive("attention_softmax_in_fp32", true);
  if (values.maybe_integer("num_experts") == 0) values.derive("num_experts", OptionValue{});
  if (values.integer("tensor_model_parallel_size") == 1) values.derive("sequence_parallel", false);
}

void derive_types(OptionValues& values) {
  const char* type = values.flag("fp16") ? "float16" : values.flag("bf16") ? "bfloat16" : "float32";
  values.derive("params_dtype", fmt::format("torch.{}", type));
  if (values.flag("bf16") && !values.flag("grad_reduce_in_bf16")) {
    values.derive("accumulate_allreduce_grads_in_fp32", true);
  }
  for (const char* option :
       {"main_grads_dtype", "main_params_dtype", "exp_avg_dtype", "exp_avg_sq_dtype"}) {
    const std::string given = values.text(option);
    const char* full = given == "fp32"   ? "torch.float32"
                       : given == "fp16" ? "torch.float16"
                       : given == "bf16" ? "torch.bfloat16"
                       : given == "fp8"  ? "torch.uint8"
                                         : nullptr;
    if (full != nullptr) values.derive(option, std::string(full));
  }
  if (values.flag("fp16") && values.is_none("loss_scale")) {
    values.derive("check_for_nan_in_loss_and_grad", false);
  }
  const std::string backend = values.text("attention_backend");
  if (!backend.starts_with("AttnBackend.")) {
    values.derive("attention_backend", "AttnBackend." + backend);
  }
}

void derive_training(OptionValues& values) {
  const auto micro = values.maybe_integer("micro_batch_size");
  if (values.is_none("global_batch_size") && micro) {
    values.derive("global_batch_size",
                  saturating_product(*micro, values.integer("data_parallel_size")));
  }
  if (values.text("weight_decay_incr_style") == "constant") {
    for (const char* end : {"start_weight_decay", "end_weight_decay"}) {
      if (values.is_none(end)) values.derive(end, values.real("weight_decay"));
    }
  }
  if (values.is_none("dataloader_type")) values.derive("dataloader_type", std::string("single"));
  if (values.is_none("tokenizer_type")) {
    values.derive("tokenizer_type", std::string("GPT2BPETokenizer"));
  }
  if (values.flag("recompute_activations")) {
    values.derive("recompute_granularity", std::string("selective"));
  }
  for (const char* counter :
       {"consumed_train_samples", "consumed_valid_samples", "skipped_train_samples"}) {
    values.derive(counter, int64_t{0});
  }
  values.derive("variable_seq_lengths", false);
  values.derive("use_dist_ckpt", values.text("ckpt_format") != "torch");
}

std::string printed(const OptionValues& values, const char* name) {
  return print_python(values.at(name));
}

}  // namespace

void derive_values(OptionValues& values) {
  derive_ranks(values);
  derive_model(values);
  derive_chunks(values);
  derive_types(values);
  derive_training(values);
}

std::vector<std::string> start_notices(const OptionValues& given, const OptionValues& derived) {
  std::vector<std::string> lines;
  // Megatron writes nothing between the hierarchical sizes and "tensor-model".
  lines.push_back(fmt::format(
      "using world size: {}, data-parallel size: {}, context-parallel size: {}, hierarchical "
      "context-parallel sizes: {}tensor-model-parallel size: {}, encoder-tensor-model-parallel "
      "size: {}, pipeline-model-parallel size: {}, encoder-pipeline-model-parallel size: {}",
      printed(derived, "world_size"), printed(derived, "data_parallel_size"),
      printed(derived, "context_parallel_size"),
      printed(derived, "hierarchical_context_parallel_sizes"),
      printed(derived, "tensor_model_parallel_size"),
      printed(derived, "encoder_tensor_model_parallel_size"), printed(derived, kPipeline),
      printed(derived, "encoder_pipeline_model_parallel_size")));
  if (given.is_none("global_batch_size") && !derived.is_none("global_batch_size")) {
    lines.push_back("setting global batch size to " + printed(derived, "global_batch_size"));
  }
  if (derived.is_none(kVirtual) && derived.integer(kPipeline) > 1) {
    lines.emplace_back(
        "WARNING: Setting args.overlap_p2p_comm and args.align_param_gather to False since "
        "non-interleaved schedule does not support overlapping p2p communication and aligned "
        "param AG");
  }
  lines.push_back("Number of virtual stages per pipeline stage: " + printed(derived, kVirtual));
  if (derived.flag("fp16") && derived.is_none("loss_scale")) {
    lines.emplace_back(
        "WARNING: Setting args.check_for_nan_in_loss_and_grad to False since dynamic loss scaling "
        "is being used");
  }
  if (derived.flag("bf16") && derived.flag("accumulate_allreduce_grads_in_fp32")) {
    lines.emplace_back("accumulate and all-reduce gradients in fp32 for bfloat16 data type.");
  }
  lines.push_back(fmt::format("using {} for parameters ...", derived.text("params_dtype")));
  return lines;
}

}  // namespace weft::train
