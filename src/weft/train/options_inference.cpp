// The option table, part "inference": data, one entry per option.
#include "weft/train/option_table.hpp"

namespace weft::train {

std::span<const OptionSpec> inference_options() {
  static constexpr OptionSpec kOptions[] = {
      {"inference_batch_times_seqlen_threshold", "--inference-batch-times-seqlen-threshold",
       OptionKind::integer, "-1", "", ListSize::one, OptionGroup::inference, OptionOrigin::logged,
       "tokens", "pipeline small batches from here on", OptionStatus::refused,
       "training serves no requests; use weft generate"},
      {"inference_max_batch_size", "--inference-max-requests", OptionKind::integer, "8", "",
       ListSize::one, OptionGroup::inference, OptionOrigin::logged, "requests",
       "most requests at once", OptionStatus::refused,
       "training serves no requests; use weft generate"},
      {"inference_max_seq_length", "--inference-max-seq-length", OptionKind::integer, "2560", "",
       ListSize::one, OptionGroup::inference, OptionOrigin::logged, "tokens", "longest sequence",
       OptionStatus::refused, "training serves no requests; use weft generate"},
      {"inference_dynamic_batching", "--inference-dynamic-batching", OptionKind::set_true, "False",
       "", ListSize::one, OptionGroup::inference, OptionOrigin::logged, "",
       "batch requests as they come", OptionStatus::refused,
       "training serves no requests; use weft generate"},
      {"inference_dynamic_batching_buffer_size_gb", "--inference-dynamic-batching-buffer-size-gb",
       OptionKind::real, "40.0", "", ListSize::one, OptionGroup::inference, OptionOrigin::logged,
       "GB", "memory for keys and values", OptionStatus::refused,
       "training serves no requests; use weft generate"},
      {"inference_dynamic_batching_buffer_guaranteed_fraction",
       "--inference-dynamic-batching-buffer-guaranteed-fraction", OptionKind::real, "0.2", "",
       ListSize::one, OptionGroup::inference, OptionOrigin::logged, "share",
       "memory kept for running requests", OptionStatus::refused,
       "training serves no requests; use weft generate"},
      {"inference_dynamic_batching_buffer_overflow_factor",
       "--inference-dynamic-batching-buffer-overflow-factor", OptionKind::real, "None", "",
       ListSize::one, OptionGroup::inference, OptionOrigin::logged, "",
       "how far memory is overbooked", OptionStatus::refused,
       "training serves no requests; use weft generate"},
      {"inference_dynamic_batching_max_requests_override",
       "--inference-dynamic-batching-max-requests-override", OptionKind::integer, "None", "",
       ListSize::one, OptionGroup::inference, OptionOrigin::logged, "requests", "limit of requests",
       OptionStatus::refused, "training serves no requests; use weft generate"},
      {"inference_dynamic_batching_max_tokens_override",
       "--inference-dynamic-batching-max-tokens-override", OptionKind::integer, "None", "",
       ListSize::one, OptionGroup::inference, OptionOrigin::logged, "tokens", "limit of tokens",
       OptionStatus::refused, "training serves no requests; use weft generate"},
      {"max_tokens_to_oom", "--max-tokens-to-oom", OptionKind::integer, "12000", "", ListSize::one,
       OptionGroup::inference, OptionOrigin::logged, "tokens", "refuse longer requests",
       OptionStatus::refused, "training serves no requests; use weft generate"},
      {"output_bert_embeddings", "--output-bert-embeddings", OptionKind::set_true, "False", "",
       ListSize::one, OptionGroup::inference, OptionOrigin::logged, "", "write BERT embeddings",
       OptionStatus::refused, "BERT is not supported; leave the option out"},
      {"bert_embedder_type", "--bert-embedder-type", OptionKind::text, "megatron",
       "megatron|huggingface", ListSize::one, OptionGroup::inference, OptionOrigin::logged, "",
       "whose BERT embeds", OptionStatus::refused, "BERT is not supported; leave the option out"},
  };
  return kOptions;
}

}  // namespace weft::train
