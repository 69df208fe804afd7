#include <nlohmann/json.hpp>

#include "weft/base/error.hpp"
#include "weft/base/files.hpp"
#include "weft/tokenizer/bpe_trainer.hpp"
#include "weft/tokenizer/byte_alphabet.hpp"
#include "weft/tokenizer/vocabulary.hpp"

namespace weft::tokenizer {

namespace {

std::string vocab_text(const TrainedBpe& bpe) {
  const ByteAlphabet alphabet;
  std::string text = "{";
  for (size_t id = 0; id < bpe.pieces.size(); ++id) {
    const nlohmann::json spelling = alphabet.spell(bpe.pieces[id]);
    text += fmt::format("{}: {}, ", spelling.dump(-1, ' ', true), id);
  }
  return text + fmt::format("\"{}\": {}}}", kEndOfText, bpe.pieces.size());
}

std::string merges_text(const TrainedBpe& bpe) {
  const ByteAlphabet alphabet;
  std::string text = "#version: 0.2\n";
  for (const auto& [left, right] : bpe.merges) {
    text += alphabet.spell(left) + " " + alphabet.spell(right) + "\n";
  }
  return text;
}

}  // namespace

BpeFiles write_bpe(const TrainedBpe& bpe, const std::filesystem::path& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  check(!error, ErrorKind::data, "cannot make the directory {} ({})", directory.string(),
        error.message());
  BpeFiles files{directory / "vocab.json", directory / "merges.txt"};
  AtomicFile vocab(files.vocab, ErrorKind::data);
  AtomicFile merges(files.merges, ErrorKind::data);
  vocab.write(vocab_text(bpe));
  merges.write(merges_text(bpe));
  merges.commit();
  vocab.commit();
  return files;
}

}  // namespace weft::tokenizer
