#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "weft/kernels/cudnn_plan.hpp"
#include "weft/kernels/kept_plans.hpp"

namespace weft::kernels {

/// Plans of earlier runs, as files of a directory, since making one takes cuDNN half a second.
class CudnnPlanStore {
 public:
  /// Keeps nothing.
  CudnnPlanStore() = default;
  /// `device` names everything about the GPU that plans depend on.
  CudnnPlanStore(std::filesystem::path directory, std::string device);

  /// The saved plan for `graph`, else a new one, which is saved. Throws Error{device} where cuDNN
  /// has none.
  CudnnPlan plan(const CudnnTarget& target, const TensorGraph& graph) const;

 private:
  std::optional<CudnnPlan> load(const CudnnTarget& target, const std::string& key) const;

  KeptPlans kept_;
  std::string device_;
};

}  // namespace weft::kernels
