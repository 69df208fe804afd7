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
  /// The end of a step's backward passes: finish_gradients, then join_gradients.
  void finalize_gradients();
  /// The first half, after which gradient_sums can be added up over replicas.
  void finish_gradients();
  /// Everything that a step has summed: the gradients of all parameters, and the lookup gradient of
  /// a tied embedding that the rank holds both ends of. f32.
  std::vector<TensorView> gradient_sums();
  /// The second half: joins the head and lookup gradients of such an embedding. Gradients are
  /// complete only then.
  void join_gradients();
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
