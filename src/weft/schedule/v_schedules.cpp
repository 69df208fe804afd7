// The closed-form generators of the V mapping: ZB-V and DualPipeV.
#include <algorithm>

#include "weft/base/error.hpp"
#include "weft/schedule/order_writer.hpp"
#include "weft/schedule/static_schedule.hpp"

namespace weft::schedule {

namespace {

PipelineSchedule empty_schedule(const StaticConfig& config) {
  return {{Mapping::wave, config.num_ranks, 2}, config.num_microbatches, {}};
}

// ZB-V's order of one rank (reference/schedules.md 1.7) for at least 2p - 1 microbatches.
Schedule zb_v_order(int64_t p, int64_t r, int64_t m) {
  OrderWriter order(2);
  const auto forward_backward = [&](int64_t chunk) {
    order.forward(chunk);
    order.backward_input(chunk);
    order.weight(chunk);
  };
  for (int64_t i = 0; i < 2 * (p - r) - 1; ++i) order.forward(0);
  for (int64_t i = 0; i < r; ++i) {
    order.forward(1);
    order.forward(0);
  }
  for (int64_t i = 0; i < p - r; ++i) forward_backward(1);
  while (order.num_forwards(1) < m) {
    if (order.num_forwards(0) < m) order.forward(0);
    order.backward_input(0);
    order.weight(0);
    forward_backward(1);
  }
  for (int64_t i = 0; i < r; ++i) {
    order.backward_input(0);
    order.backward_input(1);
  }
  for (int64_t i = 0; i < p - r; ++i) {
    order.backward_input(0);
    order.weight(0);
  }
  while (order.weight(1)) {
  }
  while (order.weight(0)) {
  }
  return order.take();
}

// DualPipeV's order of one rank (1.9, A.3) for at least 2p microbatches; W first in, first out.
Schedule dualpipe_v_order(int64_t p, int64_t r, int64_t m) {
  OrderWriter order(2);
  const int64_t after = p - r - 1;  // ranks behind this one
  for (int64_t i = 0; i < 2 * after; ++i) order.forward(0);
  for (int64_t i = 0; i < r + 1; ++i) {
    order.forward(0);
    order.forward(1);
  }
  for (int64_t i = 0; i < after; ++i) {
    order.backward_input(1);
    order.weight();
    order.forward(1);
  }
  for (int64_t i = 0; i < m - 2 * p + r + 1; ++i) {
    order.forward(0);
    order.backward(1);
    order.forward(1);
    order.backward(0);
  }
  for (int64_t i = 0; i < after; ++i) {
    order.backward(1);
    order.forward(1);
    order.backward(0);
  }
  const int64_t split_from = (r + 1) / 2;
  for (int64_t i = 0; i < r + 1; ++i) {
    const bool splits_first = i > split_from || (i == split_from && r % 2 == 1);
    splits_first ? order.backward_input(1) : order.backward(1);
    i >= split_from ? order.backward_input(0) : order.backward(0);
  }
  for (int64_t i = 0; i < after; ++i) {
    order.weight();
    order.backward_input(0);
  }
  while (order.weight()) {
  }
  return order.take();
}

}  // namespace

PipelineSchedule zb_v(const StaticConfig& config) {
  PipelineSchedule schedule = empty_schedule(config);
  const int64_t p = config.num_ranks;
  const int64_t m = config.num_microbatches;
  for (int64_t rank = 0; rank < p; ++rank) {
    Schedule order = zb_v_order(p, rank, std::max(m, 2 * p - 1));
    std::erase_if(order, [m](const Task& task) { return task.microbatch >= m; });
    schedule.ranks.push_back(std::move(order));
  }
  return schedule;
}

PipelineSchedule dualpipe_v(const StaticConfig& config) {
  const int64_t p = config.num_ranks;
  const int64_t m = config.num_microbatches;
  check(m >= 2 * p, ErrorKind::usage,
        "dualpipe-v needs two microbatches per rank (got {} microbatches for {} ranks)", m, p);
  PipelineSchedule schedule = empty_schedule(config);
  for (int64_t rank = 0; rank < p; ++rank) {
    schedule.ranks.push_back(dualpipe_v_order(p, rank, m));
  }
  return schedule;
}

}  // namespace weft::schedule
