#include <cudnn_graph.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "weft/base/error.hpp"
#include "weft/kernels/cudnn_plan_store.hpp"

namespace weft::kernels {

namespace {

/// FNV-1a.
uint64_t hash_of(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

/// All that a plan depends on, in one line.
std::string key_of(const std::string& device, const TensorGraph& graph) {
  std::string key = fmt::format("{}, cuDNN {}:", device, cudnnGetVersion());
  for (const GraphTensor& tensor : graph.tensors()) {
    key += fmt::format(" t{}.{}", static_cast<int>(tensor.type), static_cast<int>(tensor.storage));
    for (const int64_t dim : tensor.dims) key += fmt::format(",{}", dim);
    for (const int64_t stride : tensor.strides) key += fmt::format("/{}", stride);
  }
  for (const GraphOp& op : graph.ops()) {
    key += fmt::format(" o{}.{}.{}", static_cast<int>(op.kind), op.output, op.keep);
    for (const TensorId input : op.inputs) key += fmt::format(",{}", input);
  }
  return key;
}

/// A file: the hash of what follows, the key, the plan.
std::string text_of(const std::string& key, const std::string& json) {
  const std::string body = key + "\n" + json;
  return fmt::format("{:016x}\n{}", hash_of(body), body);
}

}  // namespace

CudnnPlanStore::CudnnPlanStore(std::filesystem::path directory, std::string device)
    : directory_(std::move(directory)), device_(std::move(device)) {}

std::filesystem::path CudnnPlanStore::user_directory() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  if (const auto cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) return cache / "weft";
  if (const auto home = variable("HOME"); home.is_absolute()) return home / ".cache" / "weft";
  return {};
}

CudnnPlan CudnnPlanStore::plan(const CudnnTarget& target, const TensorGraph& graph) const {
  if (directory_.empty()) return CudnnPlan(target, graph);
  const std::string key = key_of(device_, graph);
  if (std::optional<CudnnPlan> saved = load(target, key)) return std::move(*saved);
  CudnnPlan made(target, graph);
  save(key, made);
  return made;
}

std::filesystem::path CudnnPlanStore::path_of(const std::string& key) const {
  return directory_ / fmt::format("attention-{:016x}.plan", hash_of(key));
}

std::optional<CudnnPlan> CudnnPlanStore::load(const CudnnTarget& target,
                                              const std::string& key) const {
  std::ifstream file(path_of(key), std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  constexpr size_t kHashLine = 17;
  const size_t json = kHashLine + key.size() + 1;
  // Whole, and of this key: two keys may have one hash.
  if (text.size() <= json || text != text_of(key, text.substr(json))) return std::nullopt;
  try {
    return CudnnPlan(target, text.substr(json));
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::device) throw;
    return std::nullopt;
  }
}

void CudnnPlanStore::save(const std::string& key, const CudnnPlan& plan) const {
  std::error_code ignored;
  std::filesystem::create_directories(directory_, ignored);
  const std::filesystem::path path = path_of(key);
  // Ranks that save the same plan write files of their own.
  const std::filesystem::path own = fmt::format("{}.{}", path.string(), getpid());
  std::ofstream file(own, std::ios::binary);
  file << text_of(key, plan.json());
  file.close();
  if (file) {
    std::filesystem::rename(own, path, ignored);
  }
  std::filesystem::remove(own, ignored);
}

}  // namespace weft::kernels
