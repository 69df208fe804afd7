#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace weft::parallel {

/// What ranks are split over: tensor (tp), context (cp), expert (ep), data (dp) and pipeline (pp)
/// parallelism.
enum class Axis : uint8_t { tp, cp, ep, dp, pp };

inline constexpr size_t kNumAxes = 5;

/// "tp", "cp", "ep", "dp" or "pp"
std::string_view name(Axis axis);

/// A set of axes.
class AxisSet {
 public:
  constexpr AxisSet(std::initializer_list<Axis> axes) {
    for (const Axis axis : axes) bits_ |= bit(axis);
  }
  constexpr bool contains(Axis axis) const { return (bits_ & bit(axis)) != 0; }

 private:
  static constexpr unsigned bit(Axis axis) { return 1U << static_cast<unsigned>(axis); }
  unsigned bits_ = 0;
};

/// The order in which ranks are numbered: consecutive ranks differ in the first axis, the last axis
/// is the slowest. Every axis occurs once.
using RankOrder = std::array<Axis, kNumAxes>;

/// Megatron's default, "tp-cp-ep-dp-pp" (reference/megatron.md 5.1).
inline constexpr RankOrder kDefaultOrder = {Axis::tp, Axis::cp, Axis::ep, Axis::dp, Axis::pp};
/// "tp-cp-ep-pp-dp", of --use-tp-pp-dp-mapping.
inline constexpr RankOrder kReplicasOutermost = {Axis::tp, Axis::cp, Axis::ep, Axis::pp, Axis::dp};

/// For example "tp-cp-ep-dp-pp".
std::string order_text(const RankOrder& order);

/// Reads an order_text. Throws Error{usage} unless it names every axis once.
RankOrder parse_order(std::string_view text);

}  // namespace weft::parallel
