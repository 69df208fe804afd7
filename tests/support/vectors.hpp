#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace weft::testing {

/// Folder of the shared reference (WEFT_REFERENCE_DIR, else ../shared beside the source tree), or
/// nothing when it is absent.
std::optional<std::filesystem::path> reference_dir();

/// Test vector `name` (without ".json"): vectors/NAME.json of the reference when present, else the
/// small copy tests/data/vectors/NAME.json. Throws std::runtime_error when neither exists.
nlohmann::json load_vector(const std::string& name);

/// Path of a file below the reference, for tests that need the full data; those skip, and say so,
/// when this is empty.
std::optional<std::filesystem::path> reference_file(const std::string& relative);

/// tests/data/RELATIVE, which always exists.
std::filesystem::path test_data(const std::string& relative);

}  // namespace weft::testing
