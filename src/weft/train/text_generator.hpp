#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weft/device/compute_device.hpp"
#include "weft/model/generator.hpp"
#include "weft/model/sampling.hpp"
#include "weft/tokenizer/tokenizer.hpp"
#include "weft/train/model_record.hpp"

namespace weft::train {

/// A text that a model wrote.
struct GeneratedText {
  std::string text;              ///< prompt and continuation
  std::vector<int32_t> tokens;   ///< ids of the continuation
  double tokens_per_second = 0;  ///< of the continuation, prompt included in the time
};

/// A trained model with its tokenizer, ready to continue prompts.
class TextGenerator {
 public:
  /// Loads the latest checkpoint below `root` to `device`. `vocab_file` and `merge_file` replace
  /// the saved paths unless they are empty. Throws Error{checkpoint} when there is no checkpoint or
  /// it is damaged.
  TextGenerator(const std::filesystem::path& root, const std::string& vocab_file,
                const std::string& merge_file, const ComputeDevice& device = ComputeDevice());

  /// Continues `prompt` by at most `max_tokens` tokens; ends early at the end-of-document token or
  /// when the model's positions are used up. An empty prompt starts a new document. `on_text` gets
  /// the text as it grows and may be empty.
  GeneratedText generate(const std::string& prompt, int64_t max_tokens,
                         const model::SamplingConfig& sampling,
                         const std::function<void(std::string_view)>& on_text) const;

  const ModelRecord& record() const { return record_; }

 private:
  ModelRecord record_;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer_;
  ComputeDevice device_;
  mutable Stream stream_;
  mutable model::ParameterSet parameters_;
};

}  // namespace weft::train
