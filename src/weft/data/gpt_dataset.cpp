#include "weft/data/gpt_dataset.hpp"

#include <algorithm>
#include <utility>

#include "weft/base/error.hpp"

namespace weft::data {

GptDataset::GptDataset(std::shared_ptr<const SequenceSource> source, GptIndexStore index,
                       SampleRules rules)
    : source_(std::move(source)), index_(std::move(index)), rules_(rules) {}

template <typename Visit>
void GptDataset::for_each_span(int64_t index, const Visit& visit) const {
  check(index >= 0 && index < size(), ErrorKind::data,
        "sample {} does not exist (expected 0 to {})", index, size() - 1);
  const auto documents = index_.document_index();
  const size_t row = index_.shuffle_index()[static_cast<size_t>(index)];
  const auto [first, first_offset] = index_.sample_index()[row];
  const auto [last, last_offset] = index_.sample_index()[row + 1];
  for (int32_t position = first; position <= last; ++position) {
    const int64_t sequence = documents[static_cast<size_t>(position)];
    const int64_t begin = position == first ? first_offset : 0;
    // The sample's last token is the next sample's first.
    const int64_t end = position == last ? int64_t{last_offset} + 1 : source_->length(sequence);
    if (end > begin) visit(SampleSpan{sequence, begin, end - begin});
  }
}

std::vector<SampleSpan> GptDataset::spans(int64_t index) const {
  std::vector<SampleSpan> spans;
  for_each_span(index, [&spans](const SampleSpan& span) { spans.push_back(span); });
  return spans;
}

void GptDataset::read(int64_t index, const SampleView& out) const {
  const int64_t length = rules_.sequence_length;
  check(static_cast<int64_t>(out.tokens.size()) == length, ErrorKind::internal,
        "a sample of {} tokens is read into a buffer of {}", length, out.tokens.size());
  // The token after the last one is the last label; where there is none the rest is padding.
  std::ranges::fill(out.tokens, 0);
  int64_t& last_label = out.labels.back();
  last_label = 0;
  int64_t known = 0;
  for_each_span(index, [&](const SampleSpan& span) {
    check(known + span.num_tokens <= length + 1, ErrorKind::data,
          "sample {} has {} tokens (expected at most {})", index, known + span.num_tokens,
          length + 1);
    const int64_t fits = std::min(span.num_tokens, length - known);
    source_->read(span.sequence, span.offset,
                  out.tokens.subspan(static_cast<size_t>(known), static_cast<size_t>(fits)));
    if (fits < span.num_tokens) {
      source_->read(span.sequence, span.offset + fits, std::span(&last_label, 1));
    }
    known += span.num_tokens;
  });
  std::ranges::copy(out.tokens.subspan(1), out.labels.begin());
  finish_sample(rules_, known, out);
}

void finish_sample(const SampleRules& rules, int64_t num_known, const SampleView& out) {
  int64_t position = 0;
  int64_t start = 0;
  for (size_t i = 0; i < out.tokens.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const bool is_eod = at < num_known && out.tokens[i] == rules.eod;
    const bool label_is_padding = at + 1 >= num_known;
    out.positions[i] = position;
    out.loss_mask[i] = label_is_padding || (rules.eod_mask_loss && is_eod) ? 0.0F : 1.0F;
    if (!out.starts.empty()) out.starts[i] = start;
    if (is_eod) start = at + 1;
    position = rules.reset_position_ids && is_eod ? 0 : position + 1;
  }
}

}  // namespace weft::data
