#include "weft/tokenizer/vocabulary.hpp"

#include <nlohmann/json.hpp>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"
#include "weft/tokenizer/byte_alphabet.hpp"

namespace weft::tokenizer {

namespace {

using Json = nlohmann::json;

Json parse(const std::filesystem::path& path) {
  const MappedFile file(path, ErrorKind::data);
  try {
    return Json::parse(file.text());
  } catch (const Json::parse_error& error) {
    fail(ErrorKind::data, "vocabulary {} is not JSON (error at byte {})", path.string(),
         error.byte);
  }
}

/// The id of one entry; throws unless it is an integer in [0, size).
size_t checked_id(const std::filesystem::path& path, const std::string& spelling, const Json& id,
                  size_t size) {
  check(id.is_number_integer(), ErrorKind::data,
        "vocabulary {}: the id of {} is {}, expected an integer", path.string(),
        Json(spelling).dump(), id.dump(-1, ' ', true).substr(0, 40));
  const bool in_range = id.is_number_unsigned() && id.get<uint64_t>() < size;
  check(in_range, ErrorKind::data,
        "vocabulary {}: the id of {} is {}, expected 0..{} for a file with {} entries",
        path.string(), Json(spelling).dump(), id.dump(), static_cast<int64_t>(size) - 1, size);
  return id.get<size_t>();
}

}  // namespace

Vocabulary::Vocabulary(const std::filesystem::path& path) {
  const Json entries = parse(path);
  check(entries.is_object(), ErrorKind::data,
        "vocabulary {} holds a JSON {}, expected an object of token -> id", path.string(),
        entries.type_name());
  const auto end = entries.find(kEndOfText);
  check(end != entries.end(), ErrorKind::data, "vocabulary {} ({} entries) has no {}",
        path.string(), entries.size(), kEndOfText);

  const ByteAlphabet alphabet;
  bytes_.resize(entries.size());
  std::vector<const std::string*> owners(entries.size(), nullptr);
  std::vector<bool> encodable(entries.size(), false);
  for (const auto& [spelling, id] : entries.items()) {
    const size_t index = checked_id(path, spelling, id, entries.size());
    check(owners[index] == nullptr, ErrorKind::data, "vocabulary {}: {} and {} share the id {}",
          path.string(), owners[index] ? Json(*owners[index]).dump() : "", Json(spelling).dump(),
          index);
    owners[index] = &spelling;
    const auto bytes = alphabet.unspell(spelling);
    encodable[index] = bytes.has_value();
    bytes_[index] = bytes.value_or(spelling);
  }
  end_of_text_ = end->get<TokenId>();
  ids_.reserve(bytes_.size());
  for (size_t i = 0; i < bytes_.size(); ++i) {
    if (encodable[i]) ids_.emplace(bytes_[i], static_cast<TokenId>(i));
  }
}

std::optional<TokenId> Vocabulary::find(std::string_view bytes) const {
  const auto found = ids_.find(bytes);
  if (found == ids_.end()) return std::nullopt;
  return found->second;
}

}  // namespace weft::tokenizer
