// Memory is planned: what a run holds is one block, and a step takes nothing beyond small change.
// This file replaces the process's malloc to see every request, those of libraries included.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>

#include "train/training_run.hpp"
#include "weft/comm/rank_context.hpp"
#include "weft/data/build_datasets.hpp"
#include "weft/device/process_memory.hpp"
#include "weft/tokenizer/tokenizer.hpp"
#include "weft/train/memory_plan.hpp"
#include "weft/train/trainer.hpp"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEFT_COUNTS_ALLOCATIONS 0
#else
#define WEFT_COUNTS_ALLOCATIONS 1
#endif

namespace {

std::atomic<bool> counting{false};
std::atomic<int64_t> large_requests{0};
std::atomic<size_t> largest_request{0};

[[maybe_unused]] void count(size_t bytes) {
  if (!counting.load(std::memory_order_relaxed) || bytes <= 1024) return;
  large_requests.fetch_add(1);
  size_t before = largest_request.load();
  while (bytes > before && !largest_request.compare_exchange_weak(before, bytes)) {
  }
}

}  // namespace

#if WEFT_COUNTS_ALLOCATIONS
extern "C" {
void* __libc_malloc(size_t bytes);                      // NOLINT(bugprone-reserved-identifier)
void* __libc_calloc(size_t count, size_t bytes);        // NOLINT(bugprone-reserved-identifier)
void* __libc_realloc(void* pointer, size_t bytes);      // NOLINT(bugprone-reserved-identifier)
void* __libc_memalign(size_t alignment, size_t bytes);  // NOLINT(bugprone-reserved-identifier)

void* malloc(size_t bytes) noexcept {
  count(bytes);
  return __libc_malloc(bytes);
}
void* calloc(size_t number, size_t bytes) noexcept {
  count(number * bytes);
  return __libc_calloc(number, bytes);
}
void* realloc(void* pointer, size_t bytes) noexcept {
  count(bytes);
  return __libc_realloc(pointer, bytes);
}
void* aligned_alloc(size_t alignment, size_t bytes) noexcept {
  count(bytes);
  return __libc_memalign(alignment, bytes);
}
int posix_memalign(void** pointer, size_t alignment, size_t bytes) noexcept {
  count(bytes);
  *pointer = __libc_memalign(alignment, bytes);
  return *pointer == nullptr ? 12 : 0;
}
}
#endif

namespace weft::train {
namespace {

using testing::small_llama_run;
using testing::small_run;

/// A trainer on mock data, with what it refers to.
struct TrainerRun {
  explicit TrainerRun(TrainConfig run) : config(std::move(run)) {
    const auto tokenizer = tokenizer::make_tokenizer(config.tokenizer);
    config.model.vocab_size = 4096;
    config.data.sequence_length = config.sequence_length;
    datasets = data::build_datasets(config.data, {.train = 400, .valid = 0, .test = 0}, *tokenizer,
                                    config.tokenizer, logger);
    trainer.emplace(config, datasets, comm::RankContext{.logger = logger});
  }

  TrainConfig config;
  RecordingLogger logger;
  data::Datasets datasets;
  std::optional<Trainer> trainer;
};

TrainConfig longer(TrainConfig config, DType dtype) {
  config.model.dtype = dtype;
  config.sequence_length = 256;
  config.model.max_position_embeddings = 256;
  return config;
}

std::vector<TrainConfig> configurations() {
  std::vector<TrainConfig> all;
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
    all.push_back(longer(small_run(), dtype));
    all.push_back(longer(small_llama_run(), dtype));
    all.back().model.recompute = {model::RecomputeGranularity::full,
                                  model::RecomputeMethod::uniform, 2};
  }
  all.back().model.recompute = {};
  all.front().model.recompute.granularity = model::RecomputeGranularity::selective;
  all.front().optimizer.optimizer = "sgd";
  all[3].model.fp32_residual_connection = all[4].model.fp32_residual_connection = true;
  all[1].model.reset_attention_mask = all[2].model.reset_attention_mask = true;
  return all;
}

TEST(PlannedMemory, ThePlanIsWhatARunHolds) {
  // The trainer itself refuses a plan that does not come out even.
  for (const TrainConfig& config : configurations()) {
    const TrainerRun run(config);
    EXPECT_EQ(static_cast<int64_t>(run.trainer->planned_bytes()), plan_memory(run.config).total());
  }
}

TEST(PlannedMemory, ASteadyStepAllocatesNothingAboveAKilobyte) {
#if WEFT_COUNTS_ALLOCATIONS
  for (const TrainConfig& config : configurations()) {
    TrainerRun run(config);
    for (int i = 0; i < 2; ++i) run.trainer->train_iteration();
    large_requests = 0;
    largest_request = 0;
    counting = true;
    for (int i = 0; i < 3; ++i) run.trainer->train_iteration();
    counting = false;
    EXPECT_EQ(large_requests.load(), 0) << "the largest was " << largest_request.load()
                                        << " bytes, in " << name(config.model.dtype);
  }
#else
  GTEST_SKIP() << "a sanitizer has its own malloc";
#endif
}

TEST(PlannedMemory, ResidentMemoryStaysNearThePlan) {
#if WEFT_COUNTS_ALLOCATIONS
  TrainConfig config = longer(small_run(), DType::bf16);
  config.model.num_layers = 6;
  config.model.hidden_size = 256;
  config.model.ffn_hidden_size = 1024;
  config.model.kv_channels = 64;
  config.micro_batch_size = 4;
  const int64_t before = process_memory().resident;
  TrainerRun run(config);
  for (int i = 0; i < 2; ++i) run.trainer->train_iteration();
  const auto planned = static_cast<double>(run.trainer->planned_bytes());
  const auto held = static_cast<double>(process_memory().resident - before);
  EXPECT_GE(held, 0.95 * planned);
  // Code that oneDNN generates, thread stacks and mock data do not grow with the model.
  EXPECT_LE(held, 1.05 * planned + 24e6);
#else
  GTEST_SKIP() << "a sanitizer has memory of its own";
#endif
}

}  // namespace
}  // namespace weft::train
