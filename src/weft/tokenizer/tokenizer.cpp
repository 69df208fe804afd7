#include "weft/tokenizer/tokenizer.hpp"

#include <limits>

#include "weft/base/error.hpp"
#include "weft/tokenizer/gpt2_bpe_tokenizer.hpp"
#include "weft/tokenizer/null_tokenizer.hpp"

namespace weft::tokenizer {

namespace {

void require_file(const std::string& value, const char* flag) {
  if (value.empty()) {
    fail_with_hint(ErrorKind::usage, std::string(flag) + " FILE", "GPT2BPETokenizer needs {}",
                   flag);
  }
}

}  // namespace

std::unique_ptr<Tokenizer> make_tokenizer(const TokenizerConfig& config) {
  if (config.type == "GPT2BPETokenizer") {
    require_file(config.vocab_file, "--vocab-file");
    require_file(config.merge_file, "--merge-file");
    return std::make_unique<Gpt2BpeTokenizer>(config.vocab_file, config.merge_file);
  }
  if (config.type == "NullTokenizer") return std::make_unique<NullTokenizer>(config.vocab_size);
  fail_with_hint(ErrorKind::usage, "--tokenizer-type GPT2BPETokenizer",
                 "unknown --tokenizer-type '{}', expected GPT2BPETokenizer or NullTokenizer",
                 config.type);
}

int64_t padded_vocab_size(int64_t vocab_size, int64_t divisible_by, int64_t tensor_parallel) {
  static constexpr int64_t kLimit = int64_t{1} << 31;
  const auto check_range = [](int64_t value, const char* flag) {
    check(value >= 1 && value <= kLimit, ErrorKind::usage, "{} is {}, expected 1..{}", flag, value,
          kLimit);
  };
  check_range(vocab_size, "the vocabulary size");
  check_range(divisible_by, "--make-vocab-size-divisible-by");
  check_range(tensor_parallel, "--tensor-model-parallel-size");
  check(divisible_by <= kLimit / tensor_parallel, ErrorKind::usage,
        "--make-vocab-size-divisible-by {} times --tensor-model-parallel-size {} exceeds {}",
        divisible_by, tensor_parallel, kLimit);
  const int64_t multiple = divisible_by * tensor_parallel;
  return (vocab_size + multiple - 1) / multiple * multiple;
}

}  // namespace weft::tokenizer
