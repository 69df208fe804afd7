#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "weft/kernels/attention.hpp"
#include "weft/model/activation_slot.hpp"
#include "weft/model/embedding.hpp"
#include "weft/model/microbatch.hpp"
#include "weft/model/model_config.hpp"
#include "weft/model/output_head.hpp"
#include "weft/model/parameter.hpp"
#include "weft/model/rotary_embedding.hpp"
#include "weft/model/transformer_layer.hpp"

namespace weft::model {

/// What one task runs: a whole GPT or Llama on one rank, with forward, backward_input (B),
/// backward_weight (W) and both as one (D). All tensors of a microbatch live in an ActivationSlot;
/// the chunk itself only holds plans, shared scratch and the lookup gradient of a tied embedding.
class ModelChunk {
 public:
  /// `parameters` (make_gpt_parameters of the same config) outlives the chunk. Make the chunk on
  /// the thread that runs it, after kernels::set_num_threads.
  ModelChunk(Stream& stream, const ModelConfig& config, const MicrobatchShape& shape,
             BackwardMode mode, ParameterSet& parameters, const DropoutRates& rates,
             MemoryResource& memory = host_memory());

  /// Lays one microbatch's tensors in `arena` (or only counts their bytes).
  ActivationSlot make_slot(Arena& arena) const {
    return plan_slot(arena, config_, shape_, mode_, recomputed_);
  }
  /// Bytes of one slot.
  size_t slot_bytes() const { return slot_bytes(config_, shape_, mode_); }
  static size_t slot_bytes(const ModelConfig& config, const MicrobatchShape& shape,
                           BackwardMode mode);
  /// Where the chunk's kernels run, with its workspace, which is free between tasks.
  const kernels::Context& context() const { return context_; }
  /// Bytes of what the chunk takes from `memory`, known without making it: kernel workspace, shared
  /// scratch, the loss, rotary angles and the lookup gradient of a tied embedding.
  static size_t scratch_bytes(const Stream& stream, const ModelConfig& config,
                              const MicrobatchShape& shape);
  static size_t lookup_gradient_bytes(const ModelConfig& config);

  /// Runs the microbatch through the model with dropout and keeps what backward needs in `slot`.
  /// Gradients will be those of loss_scale * (mean token loss of the microbatch); the caller folds
  /// 1 / microbatches into loss_scale (reference/megatron.md 4.6). The output weight's gradient is
  /// added here (OutputHead).
  LossSum forward(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale);
  /// As forward without dropout or gradients; backward must not follow.
  LossSum evaluate(ActivationSlot& slot, const Microbatch& microbatch);
  /// As forward and evaluate, but the loss adds to what take_loss will give: nothing waits.
  void enqueue_forward(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale);
  void enqueue_evaluation(ActivationSlot& slot, const Microbatch& microbatch);
  /// The loss of everything enqueued since the last call. Waits for it.
  LossSum take_loss();
  /// Logits of the last tokens (OutputHead's last chunk) of the microbatch that evaluate ran last.
  ConstTensorView evaluated_logits() const { return head_transient_.logits_RV; }
  /// B: all input gradients. Split mode only.
  void backward_input(ActivationSlot& slot);
  /// W: adds all weight gradients from what backward_input left in the slot. Split mode only.
  void backward_weight(ActivationSlot& slot);
  /// D: both parts, layer by layer. The gradients have the same bits as B followed by W.
  void backward(ActivationSlot& slot);

  /// The start of a step: gradients count as zero, whatever they hold (ParameterSet).
  void start_gradients();
  /// The end of a step's backward passes: joins the head and lookup gradients of a tied embedding.
  /// Gradients are complete only then.
  void finalize_gradients();

  BackwardMode mode() const { return mode_; }
  const MicrobatchShape& shape() const { return shape_; }
  int64_t num_layers() const { return static_cast<int64_t>(layers_.size()); }

 private:
  /// What layers that recompute share: a set of activations for each layer of the largest group;
  /// for selective recomputation one with the output of attention alone.
  using Recomputed = std::vector<TransformerLayer::Activations>;

  /// Scratch that carries nothing from one task to the next.
  struct Scratch {
    TransformerLayer::Transient layer;
    OutputHead::Transient head;  ///< in the same memory: no task uses both at once
    Recomputed recomputed;
  };

  static Scratch plan_scratch(const Stream& stream, std::byte* memory, size_t& bytes,
                              const ModelConfig& config, const MicrobatchShape& shape);
  static Recomputed plan_recomputed(Arena& arena, const ModelConfig& config,
                                    const MicrobatchShape& shape);
  static size_t workspace_bytes(const Stream& stream, const ModelConfig& config,
                                const MicrobatchShape& shape);
  static ActivationSlot plan_slot(Arena& arena, const ModelConfig& config,
                                  const MicrobatchShape& shape, BackwardMode mode,
                                  const Recomputed& recomputed);
  static TransformerLayer::Activations plan_layer(Arena& arena, const ModelConfig& config,
                                                  const MicrobatchShape& shape, int64_t layer,
                                                  const Recomputed& recomputed);
  bool on_gpu() const { return context_.stream.queue() != nullptr; }
  /// Takes the microbatch into its slot, with the weights of its losses.
  void load(ActivationSlot& slot, const Microbatch& microbatch, double loss_scale);
  /// A GPU cannot check what it reads by.
  void check_ids(const Microbatch& microbatch) const;
  void run_layers(ActivationSlot& slot, const DropoutRates& rates);
  void add_loss(const ActivationSlot& slot);
  /// Makes what backward of `layer` needs and was not kept.
  void recompute(ActivationSlot& slot, int64_t layer);
  void layer_backward_input(ActivationSlot& slot, size_t layer);
  void layer_backward_weight(ActivationSlot& slot, size_t layer);
  void embedding_backward_input(ActivationSlot& slot);
  void embedding_backward_weight(ActivationSlot& slot);
  ConstTensorView layer_input(const ActivationSlot& slot, size_t layer) const;
  const TransformerLayer::Gradients& gradients(const ActivationSlot& slot, size_t layer) const;
  Shape hidden_shape() const { return {shape_.sequence, shape_.samples, config_.hidden_size}; }

  ModelConfig config_;
  MicrobatchShape shape_;
  BackwardMode mode_;
  ParameterSet* parameters_;
  DropoutRates rates_;
  kernels::AttentionPlan attention_;
  RotaryEmbedding rotary_;
  Embedding embedding_;
  std::vector<TransformerLayer> layers_;
  OutputHead head_;
  Tensor loss_sum_;           ///< f64, of what was enqueued and not yet taken
  double loss_tokens_ = 0.0;  ///< likewise
  Tensor host_labels_T_;      ///< what a GPU's slots are uploaded from
  Tensor host_mask_T_;
  Tensor host_dloss_T_;
  Buffer scratch_;
  Buffer workspace_;
  TransformerLayer::Transient transient_;
  OutputHead::Transient head_transient_;
  Recomputed recomputed_;
  kernels::Context context_;
};

}  // namespace weft::model
