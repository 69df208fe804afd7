#include "weft/checkpoint/safetensors.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

namespace weft::checkpoint {

namespace {

using nlohmann::json;

constexpr size_t kLengthBytes = 8;
/// The format's own limit for headers.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
/// Object of tensors, tensor, list of numbers: a header nests no deeper.
constexpr int kMaxHeaderDepth = 3;
constexpr const char* kMetadataKey = "__metadata__";

static_assert(std::endian::native == std::endian::little, "tensors are stored little-endian");

constexpr std::array kDTypes = {std::pair{DType::f32, "F32"}, std::pair{DType::i32, "I32"},
                                std::pair{DType::i64, "I64"}};

const char* stored_name(DType dtype) {
  const auto* found = std::ranges::find(kDTypes, dtype, &decltype(kDTypes)::value_type::first);
  check(found != kDTypes.end(), ErrorKind::internal, "a checkpoint stores no tensors of {}",
        name(dtype));
  return found->second;
}

DType dtype_at(const json& entry, const std::string& tensor) {
  const json found = entry.value("dtype", json());
  for (const auto& [dtype, stored] : kDTypes) {
    if (found == stored) return dtype;
  }
  fail(ErrorKind::checkpoint, "tensor {} has dtype {}; expected \"F32\", \"I32\" or \"I64\"",
       tensor, found.dump());
}

std::vector<int64_t> sizes_of(const Shape& shape) {
  std::vector<int64_t> sizes;
  for (size_t dim = 0; dim < shape.num_dims(); ++dim) sizes.push_back(shape[dim]);
  return sizes;
}

std::string to_text(const std::vector<int64_t>& sizes) { return json(sizes).dump(); }

/// The header's JSON text: what stands between the length and the tensors' bytes.
std::string_view header_text(std::string_view file, const std::filesystem::path& path) {
  check(file.size() >= kLengthBytes, ErrorKind::checkpoint,
        "{} has {} bytes; expected a header length of 8 bytes", path.string(), file.size());
  uint64_t length = 0;
  std::memcpy(&length, file.data(), kLengthBytes);
  const uint64_t rest = file.size() - kLengthBytes;
  check(length <= rest && length <= kMaxHeaderBytes, ErrorKind::checkpoint,
        "{} announces a header of {} bytes; expected at most {} (the file is damaged or not "
        "safetensors)",
        path.string(), length, std::min(rest, kMaxHeaderBytes));
  return file.substr(kLengthBytes, length);
}

json parse_header(std::string_view text, const std::filesystem::path& path) {
  const auto limit_depth = [&](int depth, json::parse_event_t, const json&) {
    check(depth <= kMaxHeaderDepth, ErrorKind::checkpoint,
          "{} has a header nested deeper than {} levels", path.string(), kMaxHeaderDepth);
    return true;
  };
  json header;
  try {
    header = json::parse(text, limit_depth);
  } catch (const json::exception& error) {
    fail(ErrorKind::checkpoint, "{} has a header that is not JSON ({})", path.string(),
         error.what());
  }
  check(header.is_object(), ErrorKind::checkpoint, "{} has a header that is not a JSON object",
        path.string());
  return header;
}

/// The member `key` of a tensor's entry as a list of sizes that fit int64.
std::vector<int64_t> sizes_at(const json& entry, const char* key, const std::string& tensor) {
  const auto found = entry.is_object() ? entry.find(key) : entry.end();
  check(entry.is_object() && found != entry.end() && found->is_array(), ErrorKind::checkpoint,
        "tensor {} has no list \"{}\"", tensor, key);
  std::vector<int64_t> sizes;
  for (const json& size : *found) {
    check(size.is_number_unsigned() &&
              size.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()},
          ErrorKind::checkpoint, "tensor {} has {} in \"{}\"; expected whole numbers", tensor,
          size.dump(), key);
    sizes.push_back(size.get<int64_t>());
  }
  return sizes;
}

/// Bytes that a tensor of these sizes takes, or nothing when the product overflows.
std::optional<int64_t> size_in_bytes(DType dtype, const std::vector<int64_t>& sizes) {
  int64_t product = static_cast<int64_t>(size_of(dtype));
  for (const int64_t size : sizes) {
    if (__builtin_mul_overflow(product, size, &product)) return std::nullopt;
  }
  return product;
}

TensorEntry parse_entry(const json& entry, const std::string& tensor,
                        std::span<const std::byte> data) {
  TensorEntry result;
  result.shape = sizes_at(entry, "shape", tensor);
  const std::vector<int64_t> offsets = sizes_at(entry, "data_offsets", tensor);
  result.dtype = dtype_at(entry, tensor);
  const int64_t data_bytes = static_cast<int64_t>(data.size());
  check(offsets.size() == 2 && offsets[0] <= offsets[1] && offsets[1] <= data_bytes,
        ErrorKind::checkpoint,
        "tensor {} has data_offsets {}; expected begin <= end <= {} (the file is damaged or cut "
        "off)",
        tensor, to_text(offsets), data_bytes);
  const int64_t bytes = offsets[1] - offsets[0];
  check(size_in_bytes(result.dtype, result.shape) == bytes, ErrorKind::checkpoint,
        "tensor {} of dtype {} and shape {} has {} bytes of data", tensor,
        stored_name(result.dtype), to_text(result.shape), bytes);
  result.bytes = data.subspan(static_cast<size_t>(offsets[0]), static_cast<size_t>(bytes));
  return result;
}

/// Tensors must fill the file without gaps or overlaps, as the format demands.
void check_layout(const std::map<std::string, TensorEntry>& tensors,
                  std::span<const std::byte> data) {
  std::vector<std::pair<std::span<const std::byte>, const std::string*>> parts;
  for (const auto& [name, entry] : tensors) parts.emplace_back(entry.bytes, &name);
  std::ranges::sort(
      parts, {}, [](const auto& part) { return std::pair(part.first.data(), part.first.size()); });
  const std::byte* end = data.data();
  for (const auto& [bytes, name] : parts) {
    check(bytes.data() == end, ErrorKind::checkpoint,
          "tensor {} starts at byte {} of the data; expected {}, the end of its predecessor", *name,
          bytes.data() - data.data(), end - data.data());
    end += bytes.size();
  }
  check(end == data.data() + data.size(), ErrorKind::checkpoint,
        "{} bytes of data belong to no tensor", data.data() + data.size() - end);
}

Metadata parse_metadata(const json& object) {
  check(object.is_object(), ErrorKind::checkpoint, "{} is not a JSON object", kMetadataKey);
  Metadata metadata;
  for (const auto& [key, value] : object.items()) {
    check(value.is_string(), ErrorKind::checkpoint, "{} has {} under \"{}\"; expected text",
          kMetadataKey, value.dump(), key);
    metadata[key] = value.get<std::string>();
  }
  return metadata;
}

/// The bytes of a GPU's tensor go through host memory, piece by piece.
void write_bytes(AtomicFile& file, const ConstTensorView& tensor, const Stream& stream) {
  const std::span bytes(static_cast<const std::byte*>(tensor.raw()), tensor.size_bytes());
  if (stream.queue() == nullptr) {
    file.write(bytes);
    return;
  }
  constexpr size_t kPieceBytes = size_t{64} << 20;
  std::vector<std::byte> piece(std::min(kPieceBytes, bytes.size()));
  for (size_t first = 0; first < bytes.size(); first += kPieceBytes) {
    const size_t count = std::min(kPieceBytes, bytes.size() - first);
    stream.download(bytes.data() + first, piece.data(), count);
    file.write(std::span(piece).first(count));
  }
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const NamedTensor> tensors,
                       const Metadata& metadata, const Stream& stream) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  header[kMetadataKey] = metadata;
  size_t offset = 0;
  for (const NamedTensor& tensor : tensors) {
    const size_t end = offset + tensor.value.size_bytes();
    header[tensor.name] = {{"dtype", stored_name(tensor.value.dtype())},
                           {"shape", sizes_of(tensor.value.shape())},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((kLengthBytes - text.size() % kLengthBytes) % kLengthBytes, ' ');

  AtomicFile file(path, ErrorKind::checkpoint);
  const uint64_t length = text.size();
  file.write(std::as_bytes(std::span(&length, 1)));
  file.write(text);
  for (const NamedTensor& tensor : tensors) write_bytes(file, tensor.value, stream);
  file.commit();
}

SafetensorsFile::SafetensorsFile(std::filesystem::path path)
    : path_(std::move(path)), file_(path_, ErrorKind::checkpoint) {
  const std::string_view text = header_text(file_.text(), path_);
  const std::span<const std::byte> data = file_.bytes().subspan(kLengthBytes + text.size());
  const json header = parse_header(text, path_);
  try {
    for (const auto& [name, entry] : header.items()) {
      if (name == kMetadataKey) {
        metadata_ = parse_metadata(entry);
      } else {
        tensors_.emplace(name, parse_entry(entry, name, data));
      }
    }
    check_layout(tensors_, data);
  } catch (const Error& error) {
    throw Error(error.kind(), fmt::format("{}: {}", path_.string(), error.what()), error.hint());
  }
}

void SafetensorsFile::expect(const std::string& name, const ConstTensorView& like,
                             const std::string& hint) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    fail_with_hint(ErrorKind::checkpoint, hint, "{} has no tensor {}; expected one of shape {}",
                   path_.string(), name, to_string(like.shape()));
  }
  const TensorEntry& entry = found->second;
  if (entry.dtype != like.dtype() || entry.shape != sizes_of(like.shape())) {
    fail_with_hint(ErrorKind::checkpoint, hint, "{} has tensor {} of {} {}; expected {} {}",
                   path_.string(), name, stored_name(entry.dtype), to_text(entry.shape),
                   stored_name(like.dtype()), to_text(sizes_of(like.shape())));
  }
}

void SafetensorsFile::read(const std::string& name, TensorView target, const Stream& stream) const {
  expect(name, target, {});
  const TensorEntry& entry = tensors_.at(name);
  stream.upload(entry.bytes.data(), target.raw(), entry.bytes.size());
}

}  // namespace weft::checkpoint
