#pragma once

#include <cstdint>
#include <string_view>

namespace weft::schedule {

/// How the stages of a model, counted in layer order, are laid over pipeline ranks.
///   loop: stage s lives on rank s mod P, as chunk s div P (Megatron's virtual pipeline)
///   wave: as loop for even chunks, back from rank P - 1 to rank 0 for odd ones, so that neighbours
///         at a turn share a rank ("V" for two chunks)
enum class Mapping : uint8_t { loop, wave };

/// "loop" or "wave"
std::string_view name(Mapping mapping);

/// Where each stage lives (reference/schedules.md A.1). A rank holds `num_chunks` stages; chunk c
/// of a rank is its c-th stage in layer order.
struct StageMap {
  Mapping mapping = Mapping::loop;
  int64_t num_ranks = 1;
  int64_t num_chunks = 1;  ///< per rank

  int64_t num_stages() const { return num_ranks * num_chunks; }
  int64_t chunk_of(int64_t stage) const { return stage / num_ranks; }
  int64_t rank_of(int64_t stage) const { return mirrored(chunk_of(stage), stage % num_ranks); }
  int64_t stage_of(int64_t rank, int64_t chunk) const {
    return chunk * num_ranks + mirrored(chunk, rank);
  }

  friend bool operator==(const StageMap&, const StageMap&) = default;

 private:
  int64_t mirrored(int64_t chunk, int64_t position) const {
    const bool backwards = mapping == Mapping::wave && chunk % 2 == 1;
    return backwards ? num_ranks - 1 - position : position;
  }
};

}  // namespace weft::schedule
