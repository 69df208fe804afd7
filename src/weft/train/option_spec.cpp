#include "weft/train/option_spec.hpp"

namespace weft::train {

std::vector<std::string_view> split_words(std::string_view text, char separator) {
  std::vector<std::string_view> words;
  while (!text.empty()) {
    const size_t end = text.find(separator);
    words.push_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return words;
}

std::string_view title(OptionGroup group) {
  switch (group) {
    case OptionGroup::model:
      return "Model size and architecture";
    case OptionGroup::initialization:
      return "Regularisation and initial weights";
    case OptionGroup::optimizer:
      return "Optimizer, clipping and weight decay";
    case OptionGroup::learning_rate:
      return "Learning rate schedule";
    case OptionGroup::precision:
      return "Number formats";
    case OptionGroup::parallel:
      return "Ranks and communication";
    case OptionGroup::training:
      return "Batch size and training loop";
    case OptionGroup::activations:
      return "Kept activations and fused kernels";
    case OptionGroup::data:
      return "Data";
    case OptionGroup::tokenizer:
      return "Tokenizer";
    case OptionGroup::logging:
      return "Evaluation and logging";
    case OptionGroup::checkpoint:
      return "Checkpoints";
    case OptionGroup::moe:
      return "Mixture of experts";
    case OptionGroup::inference:
      return "Inference";
    case OptionGroup::other_models:
      return "Retro, retrievers and vision";
    case OptionGroup::weft:
      return "Weft's own";
  }
  return "";
}

std::string_view name(OptionStatus status) {
  switch (status) {
    case OptionStatus::acts:
      return "acts";
    case OptionStatus::no_effect:
      return "no effect";
    case OptionStatus::refused:
      return "refused";
    case OptionStatus::not_yet:
      return "not yet";
    case OptionStatus::removed:
      return "removed";
    case OptionStatus::derived:
      return "derived";
  }
  return "";
}

std::string_view main_flag(const OptionSpec& spec) {
  if (spec.flags.empty()) return spec.name;
  return split_words(spec.flags, ' ').front();
}

}  // namespace weft::train
