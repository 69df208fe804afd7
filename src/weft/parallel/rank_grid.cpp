#include "weft/parallel/rank_grid.hpp"

#include "weft/base/error.hpp"

namespace weft::parallel {

namespace {

constexpr int64_t Coordinates::*kFields[kNumAxes] = {
    &Coordinates::tp, &Coordinates::cp, &Coordinates::ep, &Coordinates::dp, &Coordinates::pp};

}  // namespace

int64_t Coordinates::at(Axis axis) const { return this->*kFields[static_cast<size_t>(axis)]; }

void Coordinates::set(Axis axis, int64_t value) {
  this->*kFields[static_cast<size_t>(axis)] = value;
}

RankGrid::RankGrid(const Coordinates& sizes, const RankOrder& order)
    : sizes_(sizes), order_(order) {
  for (const Axis axis : order_) {
    strides_.set(axis, num_ranks_);
    num_ranks_ *= size(axis);
  }
}

Coordinates RankGrid::coordinates(int64_t rank) const {
  check(rank >= 0 && rank < num_ranks_, ErrorKind::internal, "there is no rank {} among {}", rank,
        num_ranks_);
  Coordinates place;
  for (const Axis axis : order_) place.set(axis, rank / stride(axis) % size(axis));
  return place;
}

int64_t RankGrid::rank_of(const Coordinates& place) const {
  int64_t rank = 0;
  for (const Axis axis : order_) {
    const int64_t coordinate = place.at(axis);
    check(coordinate >= 0 && coordinate < size(axis), ErrorKind::internal,
          "there is no {} rank {} among {}", name(axis), coordinate, size(axis));
    rank += coordinate * stride(axis);
  }
  return rank;
}

std::vector<int64_t> RankGrid::group_of(int64_t rank, AxisSet axes) const {
  Coordinates first = coordinates(rank);
  for (const Axis axis : order_) {
    if (axes.contains(axis)) first.set(axis, 0);
  }
  std::vector<int64_t> ranks = {rank_of(first)};
  // Strides grow along the order, so whole copies of what is there so far follow in rank order.
  for (const Axis axis : order_) {
    if (!axes.contains(axis)) continue;
    const size_t inner = ranks.size();
    for (int64_t i = 1; i < size(axis); ++i) {
      for (size_t k = 0; k < inner; ++k) ranks.push_back(ranks[k] + i * stride(axis));
    }
  }
  return ranks;
}

std::vector<std::vector<int64_t>> RankGrid::groups(AxisSet axes) const {
  std::vector<std::vector<int64_t>> result;
  for (int64_t rank = 0; rank < num_ranks_; ++rank) {
    const Coordinates place = coordinates(rank);
    bool is_first = true;
    for (const Axis axis : order_) is_first &= !axes.contains(axis) || place.at(axis) == 0;
    if (is_first) result.push_back(group_of(rank, axes));
  }
  return result;
}

}  // namespace weft::parallel
