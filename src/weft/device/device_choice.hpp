#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "weft/device/compute_device.hpp"

namespace weft {

/// The device that --device names: "cpu", "cuda" (the first GPU) or "cuda:N"; none for another
/// text, "auto" among them.
std::optional<Device> parse_device(std::string_view text);

/// The device that a command runs on; `auto` is the first GPU where it can be used, else the CPU.
/// Throws Error{usage} for a text that --device does not take, and Error{device} with the reason
/// when a GPU is asked for and cannot be used.
ComputeDevice choose_device(std::string_view text,
                            const std::filesystem::path& backend = cuda_backend_path());

}  // namespace weft
