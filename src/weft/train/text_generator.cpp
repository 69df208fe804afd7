#include "weft/train/text_generator.hpp"

#include <chrono>

#include "weft/base/error.hpp"
#include "weft/checkpoint/checkpoint.hpp"
#include "weft/model/gpt_parameters.hpp"

namespace weft::train {

namespace {

/// Length of the prefix of `text` that does not end inside a UTF-8 sequence.
size_t complete_prefix(std::string_view text) {
  // A decoded text ends in U+FFFD while the bytes of its last character are still to come.
  constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
  return text.ends_with(kReplacement) ? text.size() - kReplacement.size() : text.size();
}

}  // namespace

TextGenerator::TextGenerator(const std::filesystem::path& root, const std::string& vocab_file,
                             const std::string& merge_file, const ComputeDevice& device)
    : device_(device), stream_(device.make_stream()) {
  const auto state = checkpoint::load_state(root);
  if (!state) {
    fail_with_hint(ErrorKind::checkpoint, "--load DIR as given to weft pretrain --save DIR",
                   "{} holds no checkpoint (no latest_checkpointed_iteration.txt)", root.string());
  }
  record_ = record_from_json(state->model);
  if (!vocab_file.empty()) record_.tokenizer.vocab_file = vocab_file;
  if (!merge_file.empty()) record_.tokenizer.merge_file = merge_file;
  tokenizer_ = tokenizer::make_tokenizer(record_.tokenizer);
  if (tokenizer_->vocab_size() != record_.tokenizer_vocab_size) {
    fail_with_hint(ErrorKind::usage, "--vocab-file and --merge-file of the training run",
                   "the tokenizer has {} tokens, the checkpoint's had {}", tokenizer_->vocab_size(),
                   record_.tokenizer_vocab_size);
  }
  parameters_ = model::make_gpt_parameters(record_.model, device_.memory(), stream_);
  checkpoint::load_model(root, parameters_, nullptr);
}

GeneratedText TextGenerator::generate(const std::string& prompt, int64_t max_tokens,
                                      const model::SamplingConfig& sampling,
                                      const std::function<void(std::string_view)>& on_text) const {
  const auto start = std::chrono::steady_clock::now();
  model::Generator generator(stream_, record_.model, parameters_, device_.memory());
  std::vector<int32_t> sequence = tokenizer_->encode(prompt);
  // Documents end with eod, so eod is also what stands before the first word of one.
  if (sequence.empty()) sequence.push_back(tokenizer_->eod());
  GeneratedText result;
  size_t shown = 0;
  std::span<const float> logits = generator.append(sequence);
  while (static_cast<int64_t>(result.tokens.size()) < max_tokens) {
    const int32_t token =
        model::sample_token(logits, record_.tokenizer_vocab_size, sampling, generator.length());
    if (token == tokenizer_->eod()) break;
    result.tokens.push_back(token);
    const std::string text = tokenizer_->decode(result.tokens);
    const size_t complete = complete_prefix(text);
    if (on_text && complete > shown) {
      on_text(std::string_view(text).substr(shown, complete - shown));
      shown = complete;
    }
    if (generator.length() == generator.capacity()) break;
    logits = generator.append(std::span(&token, 1));
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  result.text = prompt + tokenizer_->decode(result.tokens);
  result.tokens_per_second = static_cast<double>(result.tokens.size()) / seconds;
  return result;
}

}  // namespace weft::train
