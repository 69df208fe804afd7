// The option table, part "tokenizer": data, one entry per option.
#include "weft/train/option_table.hpp"

namespace weft::train {

std::span<const OptionSpec> tokenizer_options() {
  static constexpr OptionSpec kOptions[] = {
      {"tokenizer_type", "--tokenizer-type", OptionKind::text, "None",
       "BertWordPieceLowerCase|BertWordPieceCase|GPT2BPETokenizer|SentencePieceTokenizer|"
       "GPTSentencePieceTokenizer|HuggingFaceTokenizer|Llama2Tokenizer|TikTokenizer|"
       "MultimodalTokenizer|NullTokenizer|NullMultimodalTokenizer",
       ListSize::one, OptionGroup::tokenizer, OptionOrigin::logged, "",
       "GPT2BPETokenizer, or NullTokenizer for --mock-data", OptionStatus::acts,
       "OptionEffects.Vocabulary"},
      {"vocab_file", "--vocab-file", OptionKind::text, "None", "", ListSize::one,
       OptionGroup::tokenizer, OptionOrigin::logged, "", "vocab.json of the BPE",
       OptionStatus::acts, "OptionEffects.Vocabulary"},
      {"merge_file", "--merge-file", OptionKind::text, "None", "", ListSize::one,
       OptionGroup::tokenizer, OptionOrigin::logged, "", "merges.txt of the BPE",
       OptionStatus::acts, "OptionEffects.Vocabulary"},
      {"vocab_size", "--vocab-size", OptionKind::integer, "None", "", ListSize::one,
       OptionGroup::tokenizer, OptionOrigin::logged, "tokens",
       "tokens of NullTokenizer, without its end token", OptionStatus::acts,
       "OptionEffects.Vocabulary"},
      {"vocab_extra_ids", "--vocab-extra-ids", OptionKind::integer, "0", "", ListSize::one,
       OptionGroup::tokenizer, OptionOrigin::logged, "tokens", "sentinel tokens",
       OptionStatus::refused, "belongs to T5; leave the option out"},
      {"tokenizer_model", "--tokenizer-model", OptionKind::text, "None", "", ListSize::one,
       OptionGroup::tokenizer, OptionOrigin::logged, "", "file of another tokenizer",
       OptionStatus::refused,
       "only byte-pair vocabularies are read; use --vocab-file and --merge-file"},
      {"tiktoken_pattern", "--tiktoken-pattern", OptionKind::text, "None", "", ListSize::one,
       OptionGroup::tokenizer, OptionOrigin::logged, "", "word pattern of tiktoken",
       OptionStatus::refused, "tiktoken is not supported; use --tokenizer-type GPT2BPETokenizer"},
      {"tiktoken_num_special_tokens", "--tiktoken-num-special-tokens", OptionKind::integer, "1000",
       "", ListSize::one, OptionGroup::tokenizer, OptionOrigin::logged, "tokens",
       "reserved ids of tiktoken", OptionStatus::refused,
       "tiktoken is not supported; use --tokenizer-type GPT2BPETokenizer"},
      {"tiktoken_special_tokens", "--tiktoken-special-tokens", OptionKind::text_list, "None", "",
       ListSize::one_or_more, OptionGroup::tokenizer, OptionOrigin::logged, "",
       "special tokens of tiktoken", OptionStatus::refused,
       "tiktoken is not supported; use --tokenizer-type GPT2BPETokenizer"},
  };
  return kOptions;
}

}  // namespace weft::train
