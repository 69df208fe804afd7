#include "weft/parallel/topology.hpp"

#include <fmt/format.h>

#include <array>
#include <numeric>

#include "weft/parallel/equation.hpp"

namespace weft::parallel {

namespace {

constexpr const char* kWorldFlag = "--world-size";
constexpr const char* kTensorFlag = "--tensor-model-parallel-size";
constexpr const char* kContextFlag = "--context-parallel-size";
constexpr const char* kExpertFlag = "--expert-model-parallel-size";
constexpr const char* kExpertTensorFlag = "--expert-tensor-parallel-size";

/// Product of the sizes of the axes that come before pp: the distance between pipeline neighbours.
int64_t pipeline_stride(const RankOrder& order, const Coordinates& sizes) {
  int64_t stride = 1;
  for (const Axis axis : order) {
    if (axis == Axis::pp) break;
    stride *= sizes.at(axis);
  }
  return stride;
}

/// The sizes on both grids of a world that divides by both.
struct GridSizes {
  Coordinates dense;
  Coordinates expert;
};

GridSizes grid_sizes(const TopologySizes& s) {
  const int64_t world = s.world_size.value_or(s.tp * s.cp * s.pp);
  const int64_t expert_tp = s.expert_tp.value_or(s.tp);
  return {
      .dense = {.tp = s.tp, .cp = s.cp, .ep = 1, .dp = world / (s.tp * s.cp * s.pp), .pp = s.pp},
      .expert = {.tp = expert_tp,
                 .cp = 1,
                 .ep = s.ep,
                 .dp = world / (expert_tp * s.ep * s.pp),
                 .pp = s.pp}};
}

/// Collects the problems of one TopologySizes; sizes are checked before products of them.
class TopologyValidation {
 public:
  explicit TopologyValidation(const TopologySizes& sizes) : sizes_(sizes) {}

  std::vector<Problem> run() {
    if (!all_in_range()) return problems_;
    const bool dense = dense_divides();
    const bool expert = expert_divides();
    if (dense && expert) same_pipelines();
    return problems_;
  }

 private:
  bool all_in_range() {
    bool fine = check_size(kTensorFlag, sizes_.tp, problems_);
    fine &= check_size(kContextFlag, sizes_.cp, problems_);
    fine &= check_size(kPipelineFlag, sizes_.pp, problems_);
    fine &= check_size(kExpertFlag, sizes_.ep, problems_);
    if (sizes_.expert_tp) fine &= check_size(kExpertTensorFlag, *sizes_.expert_tp, problems_);
    if (sizes_.world_size) return check_size(kWorldFlag, *sizes_.world_size, problems_) && fine;
    return fine && default_world_in_range();
  }

  bool default_world_in_range() {
    const std::array<Factor, 3> factors = dense_factors();
    if (product(factors) <= kLargestSize) return true;
    problems_.push_back(
        {fmt::format("the world is too large: {} (expected at most {})", product_text(factors),
                     kLargestSize),
         fmt::format("smaller {}, {} or {}", kTensorFlag, kPipelineFlag, kContextFlag)});
    return false;
  }

  std::array<Factor, 3> dense_factors() const {
    return {{{"tp", sizes_.tp}, {"pp", sizes_.pp}, {"cp", sizes_.cp}}};
  }

  int64_t world() const { return sizes_.world_size.value_or(product(dense_factors())); }

  int64_t expert_tp() const { return sizes_.expert_tp.value_or(sizes_.tp); }

  std::array<Factor, 3> expert_factors() const {
    return {{{"expert tp", expert_tp()}, {"ep", sizes_.ep}, {"pp", sizes_.pp}}};
  }

  /// Whether the expert grid differs from the dense one; otherwise what holds for one holds for
  /// both.
  bool has_expert_grid() const { return sizes_.ep != 1 || expert_tp() != sizes_.tp; }

  bool divides(std::span<const Factor> factors, const char* flags) {
    if (world() % product(factors) == 0) return true;
    const std::string worlds = fitting_worlds();
    problems_.push_back({not_divisible(fmt::format("world size {}", world()), world(), factors),
                         worlds.empty()
                             ? fmt::format("smaller {}", flags)
                             : fmt::format("{} {}, or another {}", kWorldFlag, worlds, flags)});
    return false;
  }

  /// The nearest world sizes that divide by both grids, or nothing when they are out of reach.
  std::string fitting_worlds() const {
    const int64_t dense = product(dense_factors());
    const int64_t expert = has_expert_grid() ? product(expert_factors()) : 1;
    int64_t step = 0;
    if (__builtin_mul_overflow(dense / std::gcd(dense, expert), expert, &step)) return {};
    return step <= kLargestSize ? nearest_multiples(world(), step) : std::string();
  }

  bool dense_divides() {
    return divides(dense_factors(),
                   "--tensor-model-parallel-size, --pipeline-model-parallel-size or "
                   "--context-parallel-size");
  }

  bool expert_divides() {
    return !has_expert_grid() ||
           divides(expert_factors(),
                   "--expert-tensor-parallel-size or --expert-model-parallel-size");
  }

  /// The stages of a pipeline hold dense and expert weights, so both grids must form the same
  /// pipelines. With pp last they always do.
  void same_pipelines() {
    const GridSizes grids = grid_sizes(sizes_);
    const int64_t dense = pipeline_stride(sizes_.order, grids.dense);
    const int64_t expert = pipeline_stride(sizes_.order, grids.expert);
    if (sizes_.pp == 1 || dense == expert) return;
    problems_.push_back(
        {fmt::format("rank order {} puts pipeline neighbours {} ranks apart on the dense grid (tp "
                     "{}, cp {}, dp {}) but {} on the expert grid (tp {}, ep {}, dp {})",
                     order_text(sizes_.order), dense, grids.dense.tp, grids.dense.cp,
                     grids.dense.dp, expert, grids.expert.tp, grids.expert.ep, grids.expert.dp),
         sizes_.order == kReplicasOutermost
             ? fmt::format("without --use-tp-pp-dp-mapping, or {} and {} whose product is {}",
                           kExpertTensorFlag, kExpertFlag, sizes_.tp * sizes_.cp)
             : "a rank order that ends in pp"});
  }

  const TopologySizes& sizes_;
  std::vector<Problem> problems_;
};

const TopologySizes& checked(const TopologySizes& sizes) {
  throw_problems("the topology", sizes.validate());
  return sizes;
}

}  // namespace

std::vector<Problem> TopologySizes::validate() const { return TopologyValidation(*this).run(); }

Topology::Topology(const TopologySizes& sizes)
    : order_(checked(sizes).order),
      dense_(grid_sizes(sizes).dense, sizes.order),
      expert_(grid_sizes(sizes).expert, sizes.order) {}

}  // namespace weft::parallel
