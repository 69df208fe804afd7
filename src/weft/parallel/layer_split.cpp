#include "weft/parallel/layer_split.hpp"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "weft/parallel/equation.hpp"
#include "weft/parallel/layer_layout.hpp"

namespace weft::parallel {

namespace {

constexpr const char* kLayersFlag = "--num-layers";
constexpr const char* kChunksFlag = "--num-virtual-stages-per-pipeline-rank";
constexpr const char* kChunkLayersFlag = "--num-layers-per-virtual-pipeline-stage";
constexpr const char* kFirstFlag = "--decoder-first-pipeline-num-layers";
constexpr const char* kLastFlag = "--decoder-last-pipeline-num-layers";
constexpr const char* kEmbeddingFlag = "--account-for-embedding-in-pipeline-split";
constexpr const char* kLossFlag = "--account-for-loss-in-pipeline-split";
constexpr const char* kLayoutFlag = "--pipeline-model-parallel-layout";

/// Collects the problems of one LayerSplit. Divisions are checked from the model down to the chunk
/// and stop at the first that fails, because the next would start from no whole number.
class LayerSplitValidation {
 public:
  explicit LayerSplitValidation(const LayerSplit& split) : split_(split) {}

  std::vector<Problem> run() {
    if (!all_in_range()) return problems_;
    if (!split_.layout.empty()) {
      explicit_layout();
    } else if (options_agree()) {
      if (split_.is_uneven())
        uneven();
      else
        even();
    }
    return problems_;
  }

 private:
  void add(std::string message, std::string hint) {
    problems_.push_back({std::move(message), std::move(hint)});
  }

  bool divides(std::string_view what, int64_t dividend, const Factor& divisor, std::string hint) {
    if (dividend % divisor.size == 0) return true;
    add(not_divisible(what, dividend, std::array{divisor}), std::move(hint));
    return false;
  }

  bool all_in_range() {
    bool fine = check_size(kLayersFlag, split_.num_layers, problems_);
    fine &= check_size(kPipelineFlag, split_.pp, problems_);
    const auto optional_size = [&](const char* flag, std::optional<int64_t> value) {
      if (value) fine &= check_size(flag, *value, problems_);
    };
    optional_size(kChunksFlag, split_.chunks_per_rank);
    optional_size(kChunkLayersFlag, split_.layers_per_chunk);
    optional_size(kFirstFlag, split_.first_rank_layers);
    optional_size(kLastFlag, split_.last_rank_layers);
    return fine;
  }

  void explicit_layout();
  bool options_agree();
  void even();
  void uneven();
  bool ends_leave_the_middle_its_layers(int64_t ends, int64_t middle_ranks);

  /// "num_layers 14 + embedding 1 + loss 1"
  std::string sum_text() const {
    return fmt::format("num_layers {}{}{}", split_.num_layers,
                       split_.account_for_embedding ? " + embedding 1" : "",
                       split_.account_for_loss ? " + loss 1" : "");
  }

  /// The same with its result, where there is a sum.
  std::string units_text() const {
    const int64_t units = split_.num_units();
    return units == split_.num_layers ? sum_text() : fmt::format("{} = {}", sum_text(), units);
  }

  /// "first 3 + last 4 = 7", or one of the two.
  std::string ends_text() const {
    std::vector<Factor> ends;
    if (split_.first_rank_layers) ends.push_back({"first", *split_.first_rank_layers});
    if (split_.last_rank_layers) ends.push_back({"last", *split_.last_rank_layers});
    std::string text = fmt::format("{} {}", ends[0].name, ends[0].size);
    if (ends.size() > 1) {
      text += fmt::format(" + {} {} = {}", ends[1].name, ends[1].size, ends[0].size + ends[1].size);
    }
    return text;
  }

  const LayerSplit& split_;
  std::vector<Problem> problems_;
};

void LayerSplitValidation::explicit_layout() {
  if (split_.is_interleaved() || split_.is_uneven() || split_.account_for_embedding ||
      split_.account_for_loss) {
    add(fmt::format("{} {} already says what every stage holds (got other flags of the split too)",
                    kLayoutFlag, split_.layout),
        fmt::format("{} alone, without virtual-stage, first, last and account-for flags",
                    kLayoutFlag));
  }
  const LayerLayout layout = parse_layout(split_.layout, problems_);
  if (layout.num_stages() == 0) return;
  if (layout.num_layers() != split_.num_layers) {
    add(fmt::format("{} {} has {} layers, num_layers is {}", kLayoutFlag, split_.layout,
                    layout.num_layers(), split_.num_layers),
        fmt::format("{} {}, or as many t in the layout", kLayersFlag, layout.num_layers()));
  }
  divides(
      fmt::format("{} {} has {} stages, which", kLayoutFlag, split_.layout, layout.num_stages()),
      layout.num_stages(), {"pp", split_.pp},
      fmt::format("{} stages", nearest_multiples(layout.num_stages(), split_.pp)));
}

bool LayerSplitValidation::options_agree() {
  const size_t before = problems_.size();
  if (split_.chunks_per_rank && split_.layers_per_chunk) {
    add(fmt::format("{} and {} cannot be set at the same time (got {} and {})", kChunkLayersFlag,
                    kChunksFlag, *split_.layers_per_chunk, *split_.chunks_per_rank),
        "one of them");
  }
  if (split_.is_interleaved() && split_.pp == 1) {
    add("When interleaved schedule is used, pipeline-model-parallel size should be greater than 1 "
        "(got pp 1, expected at least 2)",
        fmt::format("{} 2, or without virtual stages", kPipelineFlag));
  }
  if (split_.is_uneven() && split_.layers_per_chunk) {
    add(fmt::format("please use {} to specify virtual pipeline parallel degree when enable uneven "
                    "pipeline parallelism (got {} {} with {})",
                    kChunksFlag, kChunkLayersFlag, *split_.layers_per_chunk, ends_text()),
        kChunksFlag);
  }
  if (split_.is_uneven() && (split_.account_for_embedding || split_.account_for_loss)) {
    add(fmt::format("{} and {} cannot be set at the same time with {} and {} (got {} of {})",
                    kFirstFlag, kLastFlag, kEmbeddingFlag, kLossFlag, ends_text(), units_text()),
        "one way to make the ends lighter");
  }
  if (split_.is_uneven() && split_.pp == 1) {
    add(fmt::format("the first and the last pipeline rank are the same (got {} with pp 1, expected "
                    "pp of at least 2)",
                    ends_text()),
        fmt::format("without {} and {}", kFirstFlag, kLastFlag));
  }
  return problems_.size() == before;
}

void LayerSplitValidation::even() {
  const int64_t units = split_.num_units();
  const int64_t beside = units - split_.num_layers;
  if (!divides(units_text(), units, {"pp", split_.pp},
               fmt::format("{} {}, or another {}", kLayersFlag,
                           nearest_multiples(units, split_.pp, beside), kPipelineFlag))) {
    return;
  }
  const int64_t per_rank = units / split_.pp;
  const std::string per_rank_text =
      fmt::format("{} / pp {} = {}", beside > 0 ? fmt::format("({})", sum_text()) : sum_text(),
                  split_.pp, per_rank);
  if (split_.layers_per_chunk) {
    divides(per_rank_text, per_rank, {"layers per virtual stage", *split_.layers_per_chunk},
            fmt::format("another {}", kChunkLayersFlag));
  } else if (split_.chunks_per_rank) {
    divides(per_rank_text, per_rank, {"virtual stages per rank", *split_.chunks_per_rank},
            fmt::format("another {}", kChunksFlag));
  }
}

bool LayerSplitValidation::ends_leave_the_middle_its_layers(int64_t ends, int64_t middle_ranks) {
  const int64_t left = split_.num_layers - ends;
  const std::string hint = fmt::format("another {} or {}", kFirstFlag, kLastFlag);
  if (left < 0) {
    add(fmt::format("{} layers are more than num_layers {}", ends_text(), split_.num_layers), hint);
  } else if (middle_ranks == 0 && left > 0) {
    add(fmt::format("{} layers leave {} of num_layers {} to no rank (pp {})", ends_text(), left,
                    split_.num_layers, split_.pp),
        hint);
  } else if (middle_ranks > 0 && left == 0) {
    add(fmt::format("{} layers leave none of num_layers {} to the other {} of pp {} ranks",
                    ends_text(), split_.num_layers, middle_ranks, split_.pp),
        hint);
  } else {
    return true;
  }
  return false;
}

void LayerSplitValidation::uneven() {
  const int64_t ends = split_.first_rank_layers.value_or(0) + split_.last_rank_layers.value_or(0);
  const int64_t middle_ranks =
      split_.pp - (split_.first_rank_layers ? 1 : 0) - (split_.last_rank_layers ? 1 : 0);
  if (!ends_leave_the_middle_its_layers(ends, middle_ranks)) return;
  const int64_t left = split_.num_layers - ends;
  const std::string hint = fmt::format("another {} or {}", kFirstFlag, kLastFlag);
  const auto minus = [](const char* end, std::optional<int64_t> layers) {
    return layers ? fmt::format(" - {} {}", end, *layers) : std::string();
  };
  const std::string left_text = fmt::format("num_layers {}{}{} = {}", split_.num_layers,
                                            minus("first", split_.first_rank_layers),
                                            minus("last", split_.last_rank_layers), left);
  const bool whole =
      middle_ranks == 0 || divides(left_text, left, {"other ranks", middle_ranks}, hint);
  if (!split_.chunks_per_rank) return;
  const Factor chunks{"virtual stages per rank", *split_.chunks_per_rank};
  const auto rank_divides = [&](const char* rank, int64_t layers) {
    divides(fmt::format("number of layers of {} {}", rank, layers), layers, chunks,
            fmt::format("another {}", kChunksFlag));
  };
  if (split_.first_rank_layers) rank_divides("the first rank", *split_.first_rank_layers);
  if (whole && middle_ranks > 0) rank_divides("every other rank", left / middle_ranks);
  if (split_.last_rank_layers) rank_divides("the last rank", *split_.last_rank_layers);
}

}  // namespace

std::vector<Problem> LayerSplit::validate() const { return LayerSplitValidation(*this).run(); }

int64_t LayerSplit::num_chunks() const {
  if (!layout.empty()) {
    std::vector<Problem> unused;
    return parse_layout(layout, unused).num_stages() / pp;
  }
  if (layers_per_chunk) return num_units() / pp / *layers_per_chunk;
  return chunks_per_rank.value_or(1);
}

}  // namespace weft::parallel
