#pragma once

#include <string>
#include <string_view>

namespace weft::observe {

/// `text`, in UTF-8, as character data of XML: what XML reserves is escaped, control characters,
/// which it forbids, become blanks, and bytes that are not UTF-8 become question marks.
std::string xml_text(std::string_view text);

}  // namespace weft::observe
