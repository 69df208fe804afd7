#include "weft/train/model_record.hpp"

#include <gtest/gtest.h>

#include "weft/base/error.hpp"

namespace weft::train {
namespace {

using Json = nlohmann::ordered_json;

ModelRecord gpt_record() {
  ModelRecord record;
  record.model.num_layers = 2;
  record.model.hidden_size = 32;
  record.model.ffn_hidden_size = 64;
  record.model.num_attention_heads = 4;
  record.model.kv_channels = 8;
  record.model.vocab_size = 128;
  record.model.max_position_embeddings = 16;
  record.tokenizer.type = "NullTokenizer";
  record.tokenizer.vocab_size = 100;
  record.tokenizer_vocab_size = 101;
  return record;
}

ModelRecord llama_record() {
  ModelRecord record = gpt_record();
  record.model.num_query_groups = 2;
  record.model.normalization = model::Normalization::rms_norm;
  record.model.layernorm_1p = true;
  record.model.qk_layernorm = true;
  record.model.activation = kernels::Activation::swiglu;
  record.model.position_embedding = model::PositionEmbedding::rope;
  record.model.rotary = {.percent = 0.5,
                         .base = 500000.0,
                         .pairs = kernels::RotaryPairs::neighbours,
                         .interpolation_factor = 2.0,
                         .llama3_scaling = true,
                         .llama3_scaling_factor = 32.0};
  record.model.linear_bias = false;
  record.model.qkv_bias = true;
  record.model.tied_embeddings = false;
  return record;
}

std::string failure_of(const ModelRecord& saved, const ModelRecord& wanted) {
  try {
    check_same_model(saved, wanted);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
    return error.what();
  }
  return "";
}

TEST(ModelRecord, ReadsWhatItWrote) {
  for (const ModelRecord& record : {gpt_record(), llama_record()}) {
    const ModelRecord read = record_from_json(to_json(record));
    EXPECT_EQ(to_json(read), to_json(record));
    EXPECT_EQ(failure_of(read, record), "");
  }
  const model::ModelConfig read = record_from_json(to_json(llama_record())).model;
  EXPECT_EQ(read.query_groups(), 2);
  EXPECT_EQ(read.normalization, model::Normalization::rms_norm);
  EXPECT_TRUE(read.layernorm_1p && read.qk_layernorm && read.qkv_bias);
  EXPECT_FALSE(read.linear_bias || read.tied_embeddings);
  EXPECT_EQ(read.activation, kernels::Activation::swiglu);
  EXPECT_EQ(read.position_embedding, model::PositionEmbedding::rope);
  EXPECT_EQ(read.rotary.percent, 0.5);
  EXPECT_EQ(read.rotary.base, 500000.0);
  EXPECT_EQ(read.rotary.pairs, kernels::RotaryPairs::neighbours);
  EXPECT_EQ(read.rotary.interpolation_factor, 2.0);
  EXPECT_TRUE(read.rotary.llama3_scaling);
  EXPECT_EQ(read.rotary.llama3_scaling_factor, 32.0);
}

// Checkpoints from before there was more than one kind of model.
TEST(ModelRecord, ReadsAnOlderGpt) {
  Json json = to_json(gpt_record());
  for (const char* newer :
       {"num_query_groups", "normalization", "apply_layernorm_1p", "qk_layernorm",
        "add_bias_linear", "add_qkv_bias", "position_embedding_type"}) {
    EXPECT_EQ(json.erase(newer), 1U) << newer;
  }
  EXPECT_EQ(failure_of(record_from_json(json), gpt_record()), "");
}

TEST(ModelRecord, NamesTheFirstDifference) {
  ModelRecord other = llama_record();
  other.model.rotary.base = 10000.0;
  EXPECT_EQ(failure_of(llama_record(), other),
            "rotary_base value from checkpoint (500000.0) is not equal to the input argument value "
            "(10000.0).");
  other = llama_record();
  other.model.num_query_groups = 4;
  EXPECT_EQ(failure_of(llama_record(), other),
            "num_query_groups value from checkpoint (2) is not equal to the input argument value "
            "(4).");
  other = llama_record();
  other.model.position_embedding = model::PositionEmbedding::none;
  EXPECT_EQ(failure_of(llama_record(), other),
            "position_embedding_type value from checkpoint (\"rope\") is not equal to the input "
            "argument value (\"none\").");
  // Without rotation its settings do not matter.
  ModelRecord gpt = gpt_record();
  gpt.model.rotary.base = 7.0;
  EXPECT_EQ(failure_of(gpt_record(), gpt), "");
}

TEST(ModelRecord, RefusesWhatCannotBeBuilt) {
  const auto refusal = [](const char* field, const Json& value) -> std::string {
    Json json = to_json(llama_record());
    json[field] = value;
    try {
      record_from_json(json);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal("activation", "tanh"),
            "the checkpoint's activation is tanh (expected one of gelu_tanh, gelu_erf, "
            "squared_relu, swiglu)");
  EXPECT_EQ(refusal("num_query_groups", 3),
            "the checkpoint's model cannot be built: --num-query-groups must divide the attention "
            "heads (got 3 and 4)");
  EXPECT_NE(refusal("qk_layernorm", "maybe").find("the checkpoint's qk_layernorm cannot be read"),
            std::string::npos);
}

}  // namespace
}  // namespace weft::train
