#include "weft/data/npy_file.hpp"

#include <cctype>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

#include "weft/base/error.hpp"

namespace weft::data {

namespace {

constexpr std::string_view kMagic("\x93NUMPY\x01\x00", 8);
constexpr size_t kPrefixBytes = 10;  // magic and the header's length
constexpr size_t kArrayAlignment = 64;

/// Value of `key` in the header's Python dictionary, up to `end`.
std::optional<std::string_view> field(std::string_view header, std::string_view key, char end) {
  const size_t at = header.find(key);
  if (at == std::string_view::npos) return std::nullopt;
  const size_t start = at + key.size();
  const size_t stop = header.find(end, start);
  if (stop == std::string_view::npos) return std::nullopt;
  return header.substr(start, stop - start);
}

std::optional<std::vector<int64_t>> parse_shape(std::string_view text) {
  std::vector<int64_t> shape;
  const char* at = text.data();
  const char* end = at + text.size();
  while (at != end) {
    if (*at == ' ' || *at == ',') {
      ++at;
      continue;
    }
    int64_t size = 0;
    const auto [next, error] = std::from_chars(at, end, size);
    if (error != std::errc() || size < 0) return std::nullopt;
    shape.push_back(size);
    at = next;
  }
  return shape;
}

/// Product of the sizes, or nothing when it does not fit.
std::optional<uint64_t> num_elements(const std::vector<int64_t>& shape) {
  uint64_t product = 1;
  for (const int64_t size : shape) {
    if (size != 0 &&
        product > std::numeric_limits<uint64_t>::max() / 16 / static_cast<uint64_t>(size)) {
      return std::nullopt;
    }
    product *= static_cast<uint64_t>(size);
  }
  return product;
}

}  // namespace

void write_npy(const std::filesystem::path& path, std::string_view descr,
               const std::vector<int64_t>& shape, std::span<const std::byte> bytes) {
  std::string sizes;
  for (size_t i = 0; i < shape.size(); ++i) {
    sizes += fmt::format("{}{}", i == 0 ? "" : ", ", shape[i]);
  }
  if (shape.size() == 1) sizes += ",";
  std::string header =
      fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': ({}), }}", descr, sizes);
  const size_t unpadded = kPrefixBytes + header.size() + 1;
  header.append((kArrayAlignment - unpadded % kArrayAlignment) % kArrayAlignment, ' ');
  header.push_back('\n');
  const auto length = static_cast<uint16_t>(header.size());

  AtomicFile file(path, ErrorKind::data);
  file.write(kMagic);
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(header);
  file.write(bytes);
  file.commit();
}

NpyFile::NpyFile(const std::filesystem::path& path, std::string_view descr)
    : file_(path, ErrorKind::data) {
  const std::string_view text = file_.text();
  check(text.size() >= kPrefixBytes && text.starts_with(kMagic), ErrorKind::data,
        "{} is not a NumPy array of version 1", path.string());
  uint16_t length = 0;
  std::memcpy(&length, text.data() + kMagic.size(), sizeof length);
  const size_t start = kPrefixBytes + length;
  check(start <= text.size() && start % kArrayAlignment == 0, ErrorKind::data,
        "{} has a header of {} bytes, which does not fit its {} bytes", path.string(), length,
        text.size());
  const std::string_view header = text.substr(kPrefixBytes, length);
  const auto type = field(header, "'descr': '", '\'');
  const auto order = field(header, "'fortran_order': ", ',');
  const auto shape_text = field(header, "'shape': (", ')');
  check(type && *type == descr && order && *order == "False" && shape_text, ErrorKind::data,
        "{} does not hold a C-ordered array of type {}", path.string(), descr);
  const auto shape = parse_shape(*shape_text);
  const auto elements = shape ? num_elements(*shape) : std::nullopt;
  const auto item = static_cast<uint64_t>(descr.back() - '0');
  check(elements && *elements * item == text.size() - start, ErrorKind::data,
        "{} has {} bytes after its header, not those of shape ({})", path.string(),
        text.size() - start, *shape_text);
  shape_ = *shape;
  data_ = file_.bytes().subspan(start);
}

}  // namespace weft::data
