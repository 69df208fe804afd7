#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "weft/kernels/cudnn_plan.hpp"

namespace weft::kernels {

/// Plans of earlier runs, as files of a directory, since making one takes cuDNN half a second. A
/// file that cannot be read, is damaged or cannot be written only costs that time again.
class CudnnPlanStore {
 public:
  /// Keeps nothing.
  CudnnPlanStore() = default;
  /// `device` names everything about the GPU that plans depend on.
  CudnnPlanStore(std::filesystem::path directory, std::string device);

  /// ${XDG_CACHE_HOME:-$HOME/.cache}/weft; empty, which keeps nothing, where neither is set.
  static std::filesystem::path user_directory();

  /// The saved plan for `graph`, else a new one, which is saved. Throws Error{device} where cuDNN
  /// has none.
  CudnnPlan plan(const CudnnTarget& target, const TensorGraph& graph) const;

 private:
  std::optional<CudnnPlan> load(const CudnnTarget& target, const std::string& key) const;
  void save(const std::string& key, const CudnnPlan& plan) const;
  std::filesystem::path path_of(const std::string& key) const;

  std::filesystem::path directory_;
  std::string device_;
};

}  // namespace weft::kernels
