#pragma once

#include <memory>
#include <optional>

#include "weft/kernels/attention_tensors.hpp"
#include "weft/kernels/context.hpp"
#include "weft/kernels/cudnn_plan_store.hpp"
#include "weft/kernels/dropout.hpp"

namespace weft::kernels::cuda {

/// Attention on cuDNN with one rate of dropout: a plan for forward and, where cuDNN has one, for
/// backward. Masks are cuDNN's; they depend on Dropout::key and the first sample alone.
class CudnnAttention {
 public:
  enum class Passes : uint8_t {
    forward,        ///< backward is not wanted
    forward_first,  ///< backward if there is a plan
    both,           ///< neither without the other
  };

  /// Null where cuDNN has no plan for what is wanted. Takes about a second, or some
  /// milliseconds when the store has the plans.
  static std::unique_ptr<CudnnAttention> make(const CudnnTarget& target,
                                              const CudnnPlanStore& store,
                                              const AttentionGraphSpec& spec, Passes passes);

  bool has_backward() const { return backward_.has_value(); }
  /// Bytes of device memory for either pass.
  size_t workspace_bytes() const;
  /// `memory` but for what lies in the workspace: random, delta, dq_sum.
  void forward(const Context& context, const Dropout& dropout, AttentionForwardMemory memory) const;
  void backward(const Context& context, const Dropout& dropout,
                AttentionBackwardMemory memory) const;

 private:
  struct Forward {
    AttentionForwardGraph graph;
    CudnnPlan plan;
  };
  struct Backward {
    AttentionBackwardGraph graph;
    CudnnPlan plan;
  };

  CudnnAttention(const AttentionGraphSpec& spec, Forward forward);

  AttentionGraphSpec spec_;
  AttentionNumbers numbers_;
  Forward forward_;
  std::optional<Backward> backward_;
};

}  // namespace weft::kernels::cuda
