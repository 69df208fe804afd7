#include "apps/weft/bench_words.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <fstream>
#include <thread>

#include "apps/weft/option_sources.hpp"
#include "weft/base/error.hpp"
#include "weft/device/device_choice.hpp"
#include "weft/kernels/context.hpp"
#include "weft/tokenizer/tokenizer.hpp"
#include "weft/train/make_train_config.hpp"
#include "weft/train/option_spec.hpp"

namespace weft::app {

namespace {

using Words = std::vector<std::string>;

/// The word after `flag`, or `otherwise`.
std::string value_of(const Words& words, std::string_view flag, const std::string& otherwise) {
  const auto found = std::ranges::find(words, flag);
  return found != words.end() && found + 1 != words.end() ? *(found + 1) : otherwise;
}

/// Takes `flag` out of the words; true when it was there.
bool take_flag(Words& words, std::string_view flag) { return std::erase(words, flag) > 0; }

/// Takes `flag N` out of the words.
int64_t take_count(Words& words, const std::string& flag, int64_t otherwise) {
  const auto found = std::ranges::find(words, flag);
  if (found == words.end()) return otherwise;
  const std::string text = found + 1 == words.end() ? "" : *(found + 1);
  int64_t count = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  if (error != std::errc() || end != text.data() + text.size() || count < 1) {
    fail_with_hint(ErrorKind::usage, flag + " 5", "{} needs a whole number of at least 1 (got {})",
                   flag, text.empty() ? "nothing" : text);
  }
  words.erase(found, found + 2);
  return count;
}

/// Longer than the 1024 positions that GPT-2 was published with.
bool is_long(const std::string& length) {
  int64_t tokens = 0;
  std::from_chars(length.data(), length.data() + length.size(), tokens);
  return tokens > 1024;
}

/// Takes `flag a,b,c` out of the words.
Words take_list(Words& words, const std::string& flag, const std::string& otherwise) {
  const std::string text = value_of(words, flag, otherwise);
  const auto found = std::ranges::find(words, flag);
  if (found != words.end()) words.erase(found, found + 1 == words.end() ? found + 1 : found + 2);
  Words list;
  for (const std::string_view word : train::split_words(text, ',')) list.emplace_back(word);
  return list;
}

/// What a run needs and no benchmark asks for.
Words common_defaults() {
  return {"--mock-data",
          "--tokenizer-type",
          "NullTokenizer",
          "--lr",
          "1e-4",
          "--train-iters",
          "1000000",
          "--hidden-dropout",
          "0",
          "--attention-dropout",
          "0",
          "--split",
          "1,0,0"};
}

/// A model of which a step takes some seconds on two cores, for two ranks.
Words with_pipeline_defaults(const Words& words) {
  Words all = common_defaults();
  const auto add = [&](const std::string& flag, const std::string& value) {
    if (std::ranges::find(words, flag) == words.end()) all.insert(all.end(), {flag, value});
  };
  add("--pipeline-model-parallel-size", "2");
  add("--num-layers", "8");
  add("--hidden-size", "512");
  add("--num-attention-heads", "8");
  add("--seq-length", "256");
  add("--max-position-embeddings", value_of(words, "--seq-length", "256"));
  add("--micro-batch-size", "2");
  add("--global-batch-size", "16");
  add("--vocab-size", "8191");
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

/// The user's words behind the defaults: they win.
Words with_defaults(const Words& words) {
  const std::string model = value_of(words, "--model", "gpt2-124m");
  Words all = common_defaults();
  const auto add = [&](const std::string& flag, const std::string& value) {
    if (std::ranges::find(words, flag) == words.end()) all.insert(all.end(), {flag, value});
  };
  add("--model", model);
  add("--micro-batch-size", "4");
  add("--seq-length", "1024");
  // One id fewer than the published vocabularies: the tokenizer adds the end of a document.
  add("--vocab-size", model.starts_with("gpt2") ? "50256"
                      : model == "llama-160m"   ? "31999"
                                                : "128255");
  const std::string length = value_of(words, "--seq-length", "");
  if (model.starts_with("gpt2") && is_long(length)) add("--max-position-embeddings", length);
  all.insert(all.end(), words.begin(), words.end());
  return all;
}

}  // namespace

BenchWords read_bench_words(Words words) {
  BenchWords bench;
  bench.help = asks_for_help(words);
  if (bench.help) return bench;
  bench.steps = take_count(words, "--steps", bench.steps);
  bench.breakdown = take_flag(words, "--breakdown");
  const train::PreparedRun run = train::prepare_run(option_sources(with_defaults(words)));
  bench.json = run.options.values.flag("json");
  bench.quiet = run.options.values.flag("quiet");
  bench.config = run.config;
  if (bench.config.pipeline.world_size() > 1) {
    fail_with_hint(ErrorKind::usage, "weft bench pipeline",
                   "this benchmark is of one rank (got a world of {})",
                   bench.config.pipeline.world_size());
  }
  bench.device = choose_device(bench.config.device);
  const auto tokenizer = tokenizer::make_tokenizer(bench.config.tokenizer);
  bench.config.model.vocab_size = tokenizer::padded_vocab_size(
      tokenizer->vocab_size(), bench.config.make_vocab_size_divisible_by, 1);
  if (bench.config.threads_per_rank > 0) kernels::set_num_threads(bench.config.threads_per_rank);
  return bench;
}

BenchWords read_pipeline_bench_words(Words words) {
  BenchWords bench;
  bench.help = asks_for_help(words);
  if (bench.help) return bench;
  bench.steps = take_count(words, "--steps", bench.steps);
  Words schedules = take_list(words, "--schedules", "");
  const train::PreparedRun run = train::prepare_run(option_sources(with_pipeline_defaults(words)));
  bench.json = run.options.values.flag("json");
  bench.quiet = run.options.values.flag("quiet");
  bench.config = run.config;
  if (bench.config.pipeline.num_ranks() == 1) {
    fail_with_hint(ErrorKind::usage, "--pipeline-model-parallel-size 2",
                   "a pipeline has several ranks (got 1)");
  }
  const bool has_chunks = bench.config.pipeline.split.is_interleaved();
  bench.schedules = !schedules.empty() ? std::move(schedules)
                    : has_chunks       ? Words{"interleaved", "interleaved-zb1p", "dynamic"}
                                       : Words{"1f1b", "zb-h1", "dynamic"};
  const auto tokenizer = tokenizer::make_tokenizer(bench.config.tokenizer);
  bench.config.model.vocab_size = tokenizer::padded_vocab_size(
      tokenizer->vocab_size(), bench.config.make_vocab_size_divisible_by, 1);
  return bench;
}

std::string BenchWords::device_text() const {
  if (device.is_gpu()) return device.description();
  return fmt::format("{}, {} threads, {}", processor_text(), kernels::num_threads(),
                     name(best_instruction_set()));
}

std::string processor_text() {
  std::ifstream file("/proc/cpuinfo");
  std::string processor = "unknown processor";
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("model name")) continue;
    const size_t colon = line.find(": ");
    if (colon != std::string::npos) processor = line.substr(colon + 2);
    break;
  }
  return fmt::format("{}, {} cores", processor, std::thread::hardware_concurrency());
}

}  // namespace weft::app
