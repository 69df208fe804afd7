#include "weft/kernels/kept_plans.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

namespace weft::kernels {

namespace {

/// FNV-1a.
uint64_t hash_of(const std::string& text) {
  uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return hash;
}

/// A file: the hash of what follows, the key, the text.
std::string file_of(const std::string& key, const std::string& text) {
  const std::string body = key + "\n" + text;
  return fmt::format("{:016x}\n{}", hash_of(body), body);
}

}  // namespace

std::filesystem::path user_cache_directory() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::filesystem::path(value == nullptr ? "" : value);
  };
  if (const auto cache = variable("XDG_CACHE_HOME"); cache.is_absolute()) return cache / "weft";
  if (const auto home = variable("HOME"); home.is_absolute()) return home / ".cache" / "weft";
  return {};
}

KeptPlans::KeptPlans(std::filesystem::path directory, std::string kind)
    : directory_(std::move(directory)), kind_(std::move(kind)) {}

std::filesystem::path KeptPlans::path_of(const std::string& key) const {
  return directory_ / fmt::format("{}-{:016x}.plan", kind_, hash_of(key));
}

std::optional<std::string> KeptPlans::load(const std::string& key) const {
  if (!keeps()) return std::nullopt;
  std::ifstream file(path_of(key), std::ios::binary);
  const std::string whole{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  constexpr size_t kHashLine = 17;
  const size_t start = kHashLine + key.size() + 1;
  if (whole.size() <= start) return std::nullopt;
  std::string text = whole.substr(start);
  // Whole, and of this key: two keys may have one hash.
  if (whole != file_of(key, text)) return std::nullopt;
  return text;
}

void KeptPlans::save(const std::string& key, const std::string& text) const {
  if (!keeps()) return;
  std::error_code ignored;
  std::filesystem::create_directories(directory_, ignored);
  const std::filesystem::path path = path_of(key);
  // Ranks that save the same plan write files of their own.
  static std::atomic<int> count = 0;
  const std::filesystem::path own = fmt::format("{}.{}.{}", path.string(), getpid(), ++count);
  std::ofstream file(own, std::ios::binary);
  file << file_of(key, text);
  file.close();
  if (file) std::filesystem::rename(own, path, ignored);
  std::filesystem::remove(own, ignored);
}

}  // namespace weft::kernels
