#include "weft/data/gpt_dataset.hpp"

#include <algorithm>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::data {

GptDataset::GptDataset(std::shared_ptr<const SequenceSource> source, GptIndexStore index,
                       SampleRules rules)
    : source_(std::move(source)), index_(std::move(index)), rules_(rules) {}

std::vector<SampleSpan> GptDataset::spans(int64_t index) const {
  check(index >= 0 && index < size(), ErrorKind::data,
        "sample {} does not exist (expected 0 to {})", index, size() - 1);
  const auto documents = index_.document_index();
  const size_t row = index_.shuffle_index()[static_cast<size_t>(index)];
  const auto [first, first_offset] = index_.sample_index()[row];
  const auto [last, last_offset] = index_.sample_index()[row + 1];
  std::vector<SampleSpan> spans;
  for (int32_t position = first; position <= last; ++position) {
    const int64_t sequence = documents[static_cast<size_t>(position)];
    const int64_t begin = position == first ? first_offset : 0;
    // The sample's last token is the next sample's first.
    const int64_t end = position == last ? int64_t{last_offset} + 1 : source_->length(sequence);
    if (end > begin) spans.push_back({sequence, begin, end - begin});
  }
  return spans;
}

void GptDataset::read(int64_t index, const SampleView& out) const {
  const int64_t length = rules_.sequence_length;
  check(static_cast<int64_t>(out.tokens.size()) == length, ErrorKind::internal,
        "a sample of {} tokens is read into a buffer of {}", length, out.tokens.size());
  // Tokens go to `tokens`; the one after them, if there is one, ends up in the last label.
  std::vector<int64_t> text;
  text.reserve(static_cast<size_t>(length) + 1);
  for (const SampleSpan& span : spans(index)) {
    const size_t at = text.size();
    text.resize(at + static_cast<size_t>(span.num_tokens));
    source_->read(span.sequence, span.offset, std::span(text).subspan(at));
  }
  const auto known = static_cast<int64_t>(text.size());
  check(known <= length + 1, ErrorKind::data, "sample {} has {} tokens (expected at most {})",
        index, known, length + 1);
  text.resize(static_cast<size_t>(length) + 1, 0);
  std::copy_n(text.begin(), length, out.tokens.begin());
  std::copy_n(text.begin() + 1, length, out.labels.begin());
  finish_sample(rules_, known, out);
}

void finish_sample(const SampleRules& rules, int64_t num_known, const SampleView& out) {
  int64_t position = 0;
  for (size_t i = 0; i < out.tokens.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const bool is_eod = at < num_known && out.tokens[i] == rules.eod;
    const bool label_is_padding = at + 1 >= num_known;
    out.positions[i] = position;
    out.loss_mask[i] = label_is_padding || (rules.eod_mask_loss && is_eod) ? 0.0F : 1.0F;
    position = rules.reset_position_ids && is_eod ? 0 : position + 1;
  }
}

}  // namespace weft::data
