#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "weft/model/activation_slot.hpp"
#include "weft/model/chunk_scratch.hpp"
#include "weft/model/embedding.hpp"
#include "weft/model/microbatch.hpp"
#include "weft/model/model_config.hpp"
#include "weft/model/output_head.hpp"
#include "weft/model/parameter.hpp"
#include "weft/model/transformer_layer.hpp"
#include "weft/parallel/layer_partition.hpp"

namespace weft::model {

/// What one task runs: consecutive layers of a GPT or Llama, with the embedding, the head, both or
/// neither, and their forward, backward_input (B), backward_weight (W) and both as one (D). All
/// tensors of a microbatch live in an ActivationSlot; what a chunk shares with the others of its
/// rank is the ChunkScratch.
///
/// A chunk without the embedding reads slot.input_TH and one without the head writes
/// slot.output_TH; their backward turns slot.dx_TH from the gradient of the output into that of
/// the input. The caller points these views at memory beforehand: input_TH has to stay until W,
/// dx_TH, in a chunk with the embedding, too.
class ModelChunk {
 public:
  /// What a chunk is made as.
  struct Setup {
    parallel::StageLayers part;
    BackwardMode mode = BackwardMode::fused;
    DropoutRates rates;
    /// Whether lookups have a gradient of their own, which finalize_gradients adds to the table's:
    /// where a tied head adds to that too.
    bool separate_lookup = false;
  };

  /// `scratch` and `parameters`, which hold those of the part, outlive the chunk.
  ModelChunk(Stream& stream, const ChunkScratch& scratch, const Setup& setup,
             ParameterSet& parameters, MemoryResource& memory);

  /// Lays one microbatch's tensors in `arena` (or only counts their bytes).
  ActivationSlot make_slot(Arena& arena) const {
    return plan_slot(arena, config_, setup_.part, shape_, setup_.mode, scratch_->recomputed());
  }
  /// Bytes of one slot.
  size_t slot_bytes() const { return slot_bytes(config_, setup_.part, shape_, setup_.mode); }
  static size_t slot_bytes(const ModelConfig& config, const parallel::StageLayers& part,
                           const MicrobatchShape& shape, BackwardMode mode);
  /// Where the chunk's kernels run, with its workspace, which is free between tasks.
  const kernels::Context& context() const { return scratch_->context(); }

  /// Runs the microbatch through the chunk with dropout and keeps what backward needs in `slot`.
  /// Gradients will be those of loss_scale * (mean token loss of the microbatch); the caller folds
  /// 1 / microbatches into loss_scale (reference/megatron.md 4.6). The output weight's gradient is
  /// added here (OutputHead). The loss adds to what take_loss will give: nothing waits.
  void enqueue_forward(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale);
  /// As enqueue_forward without dropout or gradients; backward must not follow.
  void enqueue_evaluation(ActivationSlot& slot, const Microbatch& microbatch);
  /// As enqueue_forward and enqueue_evaluation of a chunk with the head, waiting for the loss.
  LossSum forward(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale);
  LossSum evaluate(ActivationSlot& slot, const Microbatch& microbatch);
  /// The loss of everything enqueued since the last call; needs the head. Waits for it.
  LossSum take_loss();
  /// Logits of the last tokens (OutputHead's last chunk) of the microbatch that evaluate ran last.
  ConstTensorView evaluated_logits() const { return scratch_->head().logits_RV; }
  /// B: all input gradients. Split mode only.
  void backward_input(ActivationSlot& slot);
  /// W: adds all weight gradients from what backward_input left in the slot. Split mode only.
  void backward_weight(ActivationSlot& slot);
  /// D: both parts, layer by layer. The gradients have the same bits as B followed by W.
  void backward(ActivationSlot& slot);

  const parallel::StageLayers& part() const { return setup_.part; }
  BackwardMode mode() const { return setup_.mode; }
  const MicrobatchShape& shape() const { return shape_; }
  int64_t num_layers() const { return static_cast<int64_t>(layers_.size()); }
  /// Shape and type of what crosses the chunk's ends: input_TH, output_TH and dx_TH.
  Shape boundary_shape() const { return {shape_.tokens(), config_.hidden_size}; }
  DType boundary_dtype() const { return config_.residual_dtype(); }

 private:
  friend class RankModel;
  /// The chunk's part of RankModel's.
  void start_gradients();
  TensorView lookup_gradient();
  void join_gradients();

  static ActivationSlot plan_slot(Arena& arena, const ModelConfig& config,
                                  const parallel::StageLayers& part, const MicrobatchShape& shape,
                                  BackwardMode mode, const ChunkScratch::Recomputed& recomputed);
  static TransformerLayer::Activations plan_layer(Arena& arena, const ModelConfig& config,
                                                  const parallel::StageLayers& part,
                                                  const MicrobatchShape& shape, int64_t layer,
                                                  const ChunkScratch::Recomputed& recomputed);
  bool on_gpu() const { return context().stream.queue() != nullptr; }
  /// Takes the microbatch into its slot, with the weights of its losses.
  void load(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale);
  void load_labels(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale);
  void upload(ConstTensorView from, TensorView to) const;
  /// A GPU cannot check what it reads by.
  void check_ids(const Microbatch& microbatch) const;
  void run_layers(ActivationSlot& slot, const DropoutRates& rates);
  void add_loss(const ActivationSlot& slot);
  /// Makes what backward of `layer` (of the chunk) needs and was not kept.
  void recompute(ActivationSlot& slot, int64_t layer);
  void layer_backward_input(ActivationSlot& slot, size_t layer);
  void layer_backward_weight(ActivationSlot& slot, size_t layer);
  void embedding_backward_input(ActivationSlot& slot);
  void embedding_backward_weight(ActivationSlot& slot);
  ConstTensorView layer_input(const ActivationSlot& slot, size_t layer) const;
  const TransformerLayer::Gradients& gradients(const ActivationSlot& slot, size_t layer) const;
  Shape hidden_shape() const { return {shape_.sequence, shape_.samples, config_.hidden_size}; }

  const ChunkScratch* scratch_;
  ModelConfig config_;
  MicrobatchShape shape_;
  Setup setup_;
  std::optional<Embedding> embedding_;
  std::vector<TransformerLayer> layers_;
  std::optional<OutputHead> head_;
  Tensor loss_sum_;           ///< f64, of what was enqueued and not yet taken
  double loss_tokens_ = 0.0;  ///< likewise
  Tensor host_labels_T_;      ///< what a GPU's slots are uploaded from
  Tensor host_mask_T_;
  Tensor host_dloss_T_;
};

}  // namespace weft::model
