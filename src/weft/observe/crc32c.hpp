#pragma once

#include <cstdint>
#include <string_view>

namespace weft::observe {

/// The CRC-32C (Castagnoli, RFC 3720 B.4) of `data`.
uint32_t crc32c(std::string_view data);

}  // namespace weft::observe
