#include "support/vectors.hpp"

#include <cstdlib>
#include <fstream>
#include <stdexcept>

namespace weft::testing {
namespace fs = std::filesystem;

std::optional<fs::path> reference_dir() {
  const char* from_environment = std::getenv("WEFT_REFERENCE_DIR");
  const fs::path dir = from_environment ? fs::path(from_environment)
                                        : fs::path(WEFT_SOURCE_DIR).parent_path() / "shared";
  if (fs::is_directory(dir / "vectors")) return dir;
  return std::nullopt;
}

std::optional<fs::path> reference_file(const std::string& relative) {
  const auto dir = reference_dir();
  if (dir && fs::exists(*dir / relative)) return *dir / relative;
  return std::nullopt;
}

fs::path test_data(const std::string& relative) {
  return fs::path(WEFT_SOURCE_DIR) / "tests" / "data" / relative;
}

nlohmann::json load_vector(const std::string& name) {
  const auto shared = reference_file("vectors/" + name + ".json");
  const fs::path path = shared ? *shared : test_data("vectors/" + name + ".json");
  std::ifstream in(path);
  if (!in) throw std::runtime_error("no test vector " + path.string());
  return nlohmann::json::parse(in);
}

}  // namespace weft::testing
