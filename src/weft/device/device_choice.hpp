#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

#include "weft/device/cuda_backend.hpp"
#include "weft/device/stream.hpp"

namespace weft {

/// What --device takes: "auto", "cpu", "cuda" (the first GPU) or "cuda:N"; none for another text.
/// `auto` is the CPU, as long as training on CUDA is not complete.
std::optional<Device> parse_device(std::string_view text);

/// The device that a command runs on, where it takes `bytes`. Throws Error{usage} when `text` is
/// not one of parse_device's, and Error{device} for a GPU: why it cannot be used, or, when it could
/// be, that training on CUDA is not complete.
Device choose_device(std::string_view text, int64_t bytes,
                     const std::filesystem::path& backend = cuda_backend_path());

}  // namespace weft
