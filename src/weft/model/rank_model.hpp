#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "weft/model/chunk_scratch.hpp"
#include "weft/model/model_chunk.hpp"

namespace weft::model {

/// The chunks of a GPT or Llama that one rank holds, in layer order, with what they share.
class RankModel {
 public:
  /// `parts`: what each chunk holds. `parameters` (make_gpt_parameters of the same config and
  /// parts) outlives the model. Make it on the thread that runs it, after kernels::set_num_threads.
  RankModel(Stream& stream, const ModelConfig& config, std::span<const parallel::StageLayers> parts,
            const MicrobatchShape& shape, BackwardMode mode, ParameterSet& parameters,
            const DropoutRates& rates, MemoryResource& memory = host_memory());
  /// The whole model as one chunk.
  RankModel(Stream& stream, const ModelConfig& config, const MicrobatchShape& shape,
            BackwardMode mode, ParameterSet& parameters, const DropoutRates& rates,
            MemoryResource& memory = host_memory());

  int64_t num_chunks() const { return static_cast<int64_t>(chunks_.size()); }
  ModelChunk& chunk(int64_t index) { return *chunks_[static_cast<size_t>(index)]; }
  const ModelChunk& chunk(int64_t index) const { return *chunks_[static_cast<size_t>(index)]; }
  /// Where the kernels run, with their workspace, which is free between tasks.
  const kernels::Context& context() const { return scratch_.context(); }

  /// The start of a step: gradients count as zero, whatever they hold (ParameterSet).
  void start_gradients();
  /// The end of a step's backward passes: joins the head and lookup gradients of a tied embedding
  /// that the rank holds both of. Gradients are complete only then.
  void finalize_gradients();
  /// The loss of everything enqueued since the last call; nothing on a rank without the head. Waits
  /// for it.
  LossSum take_loss();

  /// Bytes of what the model takes from `memory`, known without making it: kernel workspace, shared
  /// scratch, rotary angles and the loss.
  static size_t scratch_bytes(const Stream& stream, const ModelConfig& config,
                              const MicrobatchShape& shape,
                              std::span<const parallel::StageLayers> parts);
  /// Bytes of the lookup gradient of a tied embedding, which a rank with both ends keeps apart.
  static size_t lookup_gradient_bytes(const ModelConfig& config,
                                      std::span<const parallel::StageLayers> parts);

 private:
  ChunkScratch scratch_;
  ParameterSet* parameters_;
  std::vector<std::unique_ptr<ModelChunk>> chunks_;
};

}  // namespace weft::model
