#include "weft/train/theoretical.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace weft::train {

namespace {

constexpr double kMegabyte = 1024.0 * 1024.0;

double real(int64_t value) { return static_cast<double>(value); }

// SwiGLU's third matrix makes the MLP half as large again.
double gate(const TheoreticalModel& model) { return model.swiglu ? 1.5 : 1.0; }

// Width of all query heads relative to the hidden size.
double query_ratio(const TheoreticalModel& model) {
  return real(model.kv_channels * model.num_attention_heads) / real(model.hidden_size);
}

double group_ratio(const TheoreticalModel& model) {
  return real(model.num_query_groups) / real(model.num_attention_heads);
}

int64_t expert_layers(const TheoreticalModel& model) {
  if (model.num_experts == 0) return 0;
  return std::accumulate(model.moe_layer_freq.begin(), model.moe_layer_freq.end(), int64_t{0});
}

struct ParameterCounts {
  double block = 0.0;
  double embedding = 0.0;
  double most_loaded = 0.0;
  double other = 0.0;
};

ParameterCounts count_parameters(const TheoreticalModel& model, const TheoreticalLayout& layout) {
  const double h = real(model.hidden_size);
  const double attention = 2 * h * h * (1 + group_ratio(model)) * query_ratio(model);
  const double dense = 2 * h * (real(model.ffn_hidden_size) * gate(model) + 2) + attention;
  const double expert_width = real(model.moe_ffn_hidden_size * model.num_experts +
                                   model.moe_shared_expert_intermediate_size);
  const double sparse = 2 * h * (expert_width * gate(model) + 2) + attention;
  const int64_t num_sparse = expert_layers(model);
  const double last_layer = num_sparse > 0 && model.moe_layer_freq.back() != 0 ? sparse : dense;
  const double mtp = real(model.mtp_num_layers) * (last_layer + 2 * h * h + 2 * 3 * h);
  const double table = real(model.padded_vocab_size) * h;
  const double stages = real(layout.pipeline_parallel);
  const double ranks = real(layout.tensor_parallel);

  ParameterCounts counts;
  counts.block = real(model.num_layers - num_sparse) * dense + real(num_sparse) * sparse + 2 * h;
  counts.embedding = model.tied_embeddings ? table : 2 * table;
  counts.most_loaded = (counts.block / stages + mtp + table) / ranks;
  if (!model.tied_embeddings && layout.pipeline_parallel == 1) counts.most_loaded += table / ranks;
  counts.other = counts.block / (stages * ranks);
  return counts;
}

// Bytes of activations on the first stage, with sequence parallelism and selective recompute. The
// constants count bytes per element of a layer in 16-bit types.
double activation_bytes(const TheoreticalModel& model, const TheoreticalLayout& layout,
                        std::vector<std::string>& lines) {
  const double h = real(model.hidden_size);
  const double tokens = real(layout.sequence_length * layout.micro_batch_size);
  const double stages = real(layout.pipeline_parallel);
  const double ranks = real(layout.tensor_parallel);
  const double layer = tokens * h * (18 + 4 * (real(model.ffn_hidden_size) / h));
  lines.push_back(fmt::format("Activation memory footprint per transformer layer: {:.1f} MB",
                              layer / kMegabyte / ranks));
  double total = layer * real(model.num_layers) + 8 * tokens * stages + tokens * h * stages;
  std::optional<double> in_flight;
  if (layout.virtual_chunks) {
    const double penalty = 1 + (stages - 1) / (stages * real(*layout.virtual_chunks));
    lines.push_back(fmt::format("Memory penalty from interleaved schedule: {:.2f}", penalty));
    total *= penalty;
    in_flight = std::ceil(penalty * stages);
  } else if (layout.pipeline_parallel > 1) {
    total *= std::min(1.0, real(layout.num_microbatches) / stages);
    in_flight = std::min(real(layout.num_microbatches), stages);
  } else {
    total += 4 * tokens * h * (1 + real(model.padded_vocab_size) / h);
  }
  if (in_flight)
    lines.push_back(fmt::format("Number of in-flight microbatches: {:.0f}", *in_flight));
  return total / ranks;
}

}  // namespace

double flops_per_iteration(const TheoreticalModel& model, int64_t sequence_length,
                           int64_t batch_size) {
  const double h = real(model.hidden_size);
  const double layers = real(model.num_layers);
  const double sparse = real(expert_layers(model));
  const double dense_mlp = real(model.ffn_hidden_size) * (layers - sparse);
  const double sparse_mlp = real(model.moe_ffn_hidden_size * model.moe_router_topk +
                                 model.moe_shared_expert_intermediate_size) *
                            sparse;
  const double mlp = 12 * h * gate(model) * (dense_mlp + sparse_mlp);
  const double attention = 12 * layers * h * h * query_ratio(model) *
                           (1 + group_ratio(model) + real(sequence_length) / (2 * h));
  const double mtp = real(model.mtp_num_layers);
  const double projection = 6 * mtp * (3 * h + 2 * h * h);
  const double logits = 6 * h * real(model.padded_vocab_size) * (1 + mtp);
  return real(batch_size * sequence_length) * (mlp + attention + projection + logits);
}

std::vector<std::string> memory_report(const TheoreticalModel& model,
                                       const TheoreticalLayout& layout) {
  constexpr double kBillion = 1e9;
  const ParameterCounts counts = count_parameters(model, layout);
  // Megatron's format for the first figure reserves a column for a sign.
  std::vector<std::string> lines = {
      fmt::format("Number of parameters in transformer block in billions: {: .2f}",
                  counts.block / kBillion),
      fmt::format("Number of parameters in embedding layers in billions: {:.2f}",
                  counts.embedding / kBillion),
      fmt::format("Total number of parameters in billions: {:.2f}",
                  (counts.block + counts.embedding) / kBillion),
      fmt::format("Number of parameters in most loaded shard in billions: {:.4f}",
                  counts.most_loaded / kBillion)};
  if (layout.pipeline_parallel > 1) {
    lines.push_back(fmt::format("Number of parameters in other shards in billions: {:.4f}",
                                counts.other / kBillion));
  }
  const double bytes_per_parameter =
      layout.distributed_optimizer ? 6 + 12 / real(layout.data_parallel) : 18;
  const double weights = counts.most_loaded * bytes_per_parameter / kMegabyte;
  if (!layout.sequence_parallel || !layout.selective_recompute) {
    lines.push_back(
        fmt::format("Theoretical memory footprints: weight and optimizer={:.2f} MB", weights));
    return lines;
  }
  const double activations = activation_bytes(model, layout, lines) / kMegabyte;
  lines.push_back(
      fmt::format("Theoretical memory footprints: weight and optimizer={:.2f} MB, "
                  "activation={:.2f} MB, total={:.2f} MB",
                  weights, activations, weights + activations));
  lines.emplace_back();
  return lines;
}

StageParameters stage_parameters(const TheoreticalModel& model, int64_t tensor_parallel,
                                 int64_t pipeline_parallel) {
  const int64_t h = model.hidden_size;
  const int64_t queries = model.num_attention_heads * model.kv_channels;
  const int64_t qkv = queries + 2 * model.num_query_groups * model.kv_channels;
  const int64_t f = model.ffn_hidden_size;
  const int64_t f_in = model.swiglu ? 2 * f : f;
  // Rows of qkv and fc1, and columns of proj and fc2, are split over tensor ranks; a split
  // product's bias is split with it. Norms and the other biases are on every rank.
  int64_t split = (qkv + queries + f_in + f) * h;
  int64_t whole =
      (model.rms_norm ? 1 : 2) * (2 * h + (model.qk_layernorm ? 2 * model.kv_channels : 0));
  if (model.qkv_bias) split += qkv;
  if (model.linear_bias) {
    split += f_in;
    whole += 2 * h;
  }
  const int64_t table = model.padded_vocab_size * h / tensor_parallel;
  const int64_t positions = model.learned_positions ? model.max_position_embeddings * h : 0;
  const int64_t final_norm = (model.rms_norm ? 1 : 2) * h;

  StageParameters counts;
  counts.layer = whole + split / tensor_parallel;
  counts.middle_stage = counts.layer * (model.num_layers / pipeline_parallel);
  counts.first_stage = counts.middle_stage + table + positions;
  counts.last_stage = counts.middle_stage + table + final_norm;
  counts.single_stage = counts.first_stage + final_norm + (model.tied_embeddings ? 0 : table);
  return counts;
}

}  // namespace weft::train
