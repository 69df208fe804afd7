#pragma once

#include <span>

#include "weft/model/microbatch.hpp"
#include "weft/model/model_config.hpp"
#include "weft/model/parameter.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::model {

/// Word plus, where the model has one, learned position embedding, then dropout
/// (reference/megatron.md 4.1).
class Embedding {
 public:
  /// `position` is null without a position table. With `separate_lookup` the gradient of the word
  /// table's lookups is summed in a tensor of its own, apart from the gradient that a tied output
  /// head adds to the same table; `finalize` joins them once per step in a fixed order.
  Embedding(Parameter& word, Parameter* position, bool separate_lookup,
            MemoryResource& memory = host_memory());

  void forward(const kernels::Context& context, ConstTensorView tokens_BS,
               ConstTensorView positions_BS, const DropoutRates& rates,
               std::span<const int64_t> sample_ids_B, TensorView x_SBH) const;
  /// Turns dx_SBH from the gradient of the embedding's output into that of the lookups' sum.
  void backward_input(const kernels::Context& context, const DropoutRates& rates,
                      std::span<const int64_t> sample_ids_B, TensorView dx_SBH) const;
  /// Adds the gradients of both tables from what backward_input left in dx_SBH.
  void backward_weight(const kernels::Context& context, ConstTensorView tokens_BS,
                       ConstTensorView positions_BS, ConstTensorView dx_SBH);

  /// Workspace of backward_weight.
  static size_t workspace_bytes(const Stream& stream, const ModelConfig& config,
                                const MicrobatchShape& shape);

  /// Sets the separate lookup gradient to zero; call with the parameters' gradients.
  void zero_gradients(const kernels::Context& context);
  /// The separate lookup gradient; empty without one.
  TensorView lookup_gradient() { return lookup_grad_VH_.view(); }
  /// Adds the lookup gradient to the word table's gradient (head + lookup).
  void finalize(const kernels::Context& context);

 private:
  Parameter* word_;
  Parameter* position_;
  bool separate_;
  Tensor lookup_grad_VH_;
};

}  // namespace weft::model
