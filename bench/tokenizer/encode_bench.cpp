// Encoding speed in bytes of text per second on one core. Reads GPT-2's pair and a corpus from
// WEFT_REFERENCE_DIR (default ../shared), else the small pair of the tests and a licence text.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "weft/base/files.hpp"
#include "weft/tokenizer/gpt2_bpe_tokenizer.hpp"
#include "weft/tokenizer/pre_splitter.hpp"

namespace {

namespace fs = std::filesystem;
using weft::tokenizer::Gpt2BpeTokenizer;

fs::path first_existing(const std::string& in_reference, const fs::path& otherwise) {
  const char* variable = std::getenv("WEFT_REFERENCE_DIR");
  const fs::path source_dir = WEFT_SOURCE_DIR;
  const fs::path path =
      (variable ? fs::path(variable) : source_dir.parent_path() / "shared") / in_reference;
  return fs::exists(path) ? path : otherwise;
}

std::unique_ptr<Gpt2BpeTokenizer> load() {
  const fs::path small = fs::path(WEFT_SOURCE_DIR) / "tests/data/gpt2-small";
  return std::make_unique<Gpt2BpeTokenizer>(
      first_existing("data/gpt2/vocab.json", small / "vocab.json"),
      first_existing("data/gpt2/merges.txt", small / "merges.txt"));
}

std::string corpus() {
  return weft::read_text_file(first_existing("data/news.jsonl", "/usr/share/common-licenses/GPL-3"),
                              weft::ErrorKind::data);
}

void count_bytes(benchmark::State& state, const std::string& text) {
  state.SetBytesProcessed(static_cast<int64_t>(state.iterations()) *
                          static_cast<int64_t>(text.size()));
}

void encode_warm(benchmark::State& state) {
  const std::string text = corpus();
  const auto tokenizer = load();
  for (auto _ : state) benchmark::DoNotOptimize(tokenizer->encode(text));
  count_bytes(state, text);
}

/// Every word cache starts empty.
void encode_cold(benchmark::State& state) {
  const std::string text = corpus();
  for (auto _ : state) {
    state.PauseTiming();
    auto tokenizer = load();
    state.ResumeTiming();
    benchmark::DoNotOptimize(tokenizer->encode(text));
    state.PauseTiming();
    tokenizer.reset();
    state.ResumeTiming();
  }
  count_bytes(state, text);
}

void split_only(benchmark::State& state) {
  const std::string text = corpus();
  const weft::tokenizer::PreSplitter splitter;
  for (auto _ : state) {
    for (size_t i = 0; i < text.size();) i = splitter.piece_end(text, i);
  }
  count_bytes(state, text);
}

void load_pair(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(load());
}

void character_classes(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(weft::tokenizer::CharacterClasses());
}

BENCHMARK(encode_warm);
BENCHMARK(encode_cold)->Iterations(5);
BENCHMARK(split_only);
BENCHMARK(load_pair)->Unit(benchmark::kMillisecond);
BENCHMARK(character_classes)->Unit(benchmark::kMillisecond);

}  // namespace
