#include "weft/train/theoretical.hpp"

#include <gtest/gtest.h>

#include "support/vectors.hpp"
#include "weft/train/theoretical_inputs.hpp"

namespace weft::train {
namespace {

using Json = nlohmann::json;

struct Case {
  TheoreticalModel model;
  TheoreticalLayout layout;
};

// The recorded run, which each case of the vector changes.
Case recorded_run() {
  Case run;
  run.model.num_layers = 16;
  run.model.hidden_size = 2048;
  run.model.ffn_hidden_size = 8192;
  run.model.num_attention_heads = 32;
  run.model.num_query_groups = 32;
  run.model.kv_channels = 64;
  run.model.max_position_embeddings = 2048;
  run.model.padded_vocab_size = 50432;
  run.model.moe_ffn_hidden_size = 8192;
  run.layout.sequence_length = 2048;
  run.layout.micro_batch_size = 2;
  run.layout.tensor_parallel = 2;
  run.layout.pipeline_parallel = 4;
  run.layout.virtual_chunks = 4;
  run.layout.selective_recompute = true;
  return run;
}

void override_model(TheoreticalModel& model, const Json& o) {
  model.num_layers = o.value("num_layers", model.num_layers);
  model.hidden_size = o.value("hidden_size", model.hidden_size);
  model.ffn_hidden_size = o.value("ffn_hidden_size", model.ffn_hidden_size);
  model.num_attention_heads = o.value("num_attention_heads", model.num_attention_heads);
  model.num_query_groups = o.value("num_query_groups", model.num_attention_heads);
  model.kv_channels = o.value("kv_channels", model.kv_channels);
  model.padded_vocab_size = o.value("padded_vocab_size", model.padded_vocab_size);
  model.swiglu = o.value("swiglu", false);
  model.tied_embeddings = !o.value("untie_embeddings_and_output_weights", false);
  model.num_experts = o.value("num_experts", int64_t{0});
  model.moe_ffn_hidden_size = o.value("moe_ffn_hidden_size", model.moe_ffn_hidden_size);
  model.moe_router_topk = o.value("moe_router_topk", model.moe_router_topk);
  model.moe_shared_expert_intermediate_size =
      o.value("moe_shared_expert_intermediate_size", int64_t{0});
  if (!o.contains("moe_layer_freq")) return;
  const Json& freq = o.at("moe_layer_freq");
  if (freq.is_array()) {
    model.moe_layer_freq = freq.get<std::vector<int64_t>>();
    return;
  }
  for (int64_t layer = 0; layer < model.num_layers; ++layer) {
    model.moe_layer_freq.push_back(layer % freq.get<int64_t>() == 0 ? 1 : 0);
  }
}

void override_layout(TheoreticalLayout& layout, const Json& o) {
  layout.sequence_length = o.value("seq_length", layout.sequence_length);
  layout.pipeline_parallel = o.value("pipeline_model_parallel_size", layout.pipeline_parallel);
  layout.data_parallel = o.value("data_parallel_size", layout.data_parallel);
  layout.distributed_optimizer = o.value("use_distributed_optimizer", false);
  layout.sequence_parallel = o.value("sequence_parallel", false);
  if (o.contains("virtual_pipeline_model_parallel_size")) layout.virtual_chunks.reset();
}

Case case_of(const Json& one) {
  Case run = recorded_run();
  override_model(run.model, one.at("overrides"));
  override_layout(run.layout, one.at("overrides"));
  run.layout.num_microbatches = one.at("num_microbatches").get<int64_t>();
  return run;
}

TEST(Theoretical, FlopsAreThoseOfTheVector) {
  size_t cases = 0;
  for (const Json& one : testing::load_vector("flops_memory_params")) {
    if (!one.contains("name")) continue;
    const Case run = case_of(one);
    EXPECT_EQ(flops_per_iteration(run.model, run.layout.sequence_length,
                                  one.at("batch_size").get<int64_t>()),
              one.at("flops_per_iteration").get<double>())
        << one.at("name");
    ++cases;
  }
  EXPECT_GE(cases, 7U);
}

TEST(Theoretical, MemoryReportsAreThoseOfTheVector) {
  for (const Json& one : testing::load_vector("flops_memory_params")) {
    if (!one.contains("name")) continue;
    const Case run = case_of(one);
    std::string text;
    for (const std::string& line : memory_report(run.model, run.layout)) text += line + "\n";
    EXPECT_EQ(text, one.at("memory_report").get<std::string>()) << one.at("name");
  }
}

TEST(Theoretical, StageParametersAreThoseOfTheVector) {
  size_t layouts = 0;
  for (const Json& one : testing::load_vector("flops_memory_params")) {
    if (!one.contains("param_counts")) continue;
    for (const auto& [name, counts] : one.at("param_counts").items()) {
      TheoreticalModel model = recorded_run().model;
      model.padded_vocab_size = counts.at("padded_vocab").get<int64_t>();
      const auto underscore = name.find('_');
      const int64_t tp = std::stoll(name.substr(2, underscore - 2));
      const int64_t pp = std::stoll(name.substr(underscore + 3));
      const StageParameters stage = stage_parameters(model, tp, pp);
      EXPECT_EQ(stage.layer, counts.at("layer").get<int64_t>()) << name;
      EXPECT_EQ(stage.middle_stage, counts.at("middle_stage").get<int64_t>()) << name;
      EXPECT_EQ(stage.first_stage, counts.at("first_stage").get<int64_t>()) << name;
      EXPECT_EQ(stage.last_stage, counts.at("last_stage").get<int64_t>()) << name;
      const Json& single = counts.at("single_stage(pp1,tied)");
      if (!single.is_null()) {
        EXPECT_EQ(stage.single_stage, single.get<int64_t>()) << name;
      }
      ++layouts;
    }
  }
  EXPECT_EQ(layouts, 6U);
}

/// A small GPT; its vocabulary is known.
TrainConfig small_model() {
  TrainConfig config;
  config.model.num_layers = 3;
  config.model.hidden_size = 24;
  config.model.ffn_hidden_size = 80;
  config.model.num_attention_heads = 4;
  config.model.kv_channels = 6;
  config.model.vocab_size = 128;
  config.model.max_position_embeddings = 16;
  return config;
}

void make_llama(model::ModelConfig& model) {
  model.num_query_groups = 2;
  model.normalization = model::Normalization::rms_norm;
  model.activation = kernels::Activation::swiglu;
  model.position_embedding = model::PositionEmbedding::rope;
  model.linear_bias = model.qkv_bias = false;
}

// The model's own count and the formula agree for every family, tied and untied.
TEST(Theoretical, SingleStageCountIsTheModelsOwn) {
  for (const bool llama : {false, true}) {
    for (const int variant : {0, 1, 2, 3}) {
      TrainConfig config = small_model();
      if (llama) make_llama(config.model);
      config.model.tied_embeddings = variant % 2 == 0;
      config.model.qk_layernorm = variant >= 2;
      if (variant == 3) config.model.qkv_bias = true;
      EXPECT_EQ(stage_parameters(theoretical_model(config), 1, 1).single_stage,
                config.model.num_parameters())
          << "llama " << llama << " variant " << variant;
    }
  }
}

// reference/megatron.md 8.5: the gate adds half of the MLP, groups shrink keys and values.
TEST(Theoretical, FlopsCountGatesAndGroups) {
  TrainConfig config = small_model();
  const double gpt = flops_per_iteration(theoretical_model(config), 16, 2);
  make_llama(config.model);
  const double llama = flops_per_iteration(theoretical_model(config), 16, 2);
  const double tokens = 32.0;
  const double layers_and_h = 12.0 * 3.0 * 24.0;
  const double gate = tokens * layers_and_h * 80.0 * 0.5;
  const double groups = tokens * layers_and_h * 24.0 * -0.5;
  EXPECT_DOUBLE_EQ(llama - gpt, gate + groups);
}

}  // namespace
}  // namespace weft::train
