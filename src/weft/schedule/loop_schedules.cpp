// The generators of the loop mapping: fill and drain, 1F1B, interleaved, their zero-bubble forms.
#include <algorithm>

#include "weft/base/error.hpp"
#include "weft/schedule/order_writer.hpp"
#include "weft/schedule/static_schedule.hpp"

namespace weft::schedule {

namespace {

struct Entry {
  int64_t chunk;
  int64_t microbatch;
};

PipelineSchedule empty_schedule(const StaticConfig& config) {
  return {{Mapping::loop, config.num_ranks, config.virtual_chunks}, config.num_microbatches, {}};
}

// Megatron's table of virtual microbatches (reference/megatron.md 7.3): groups of microbatches, in
// each group chunk by chunk.
std::vector<Entry> virtual_microbatches(const StaticConfig& config) {
  const int64_t m = config.num_microbatches;
  const int64_t group = config.group_size == 0 ? config.num_ranks : config.group_size;
  if (config.virtual_chunks > 1) {
    // With fewer microbatches than ranks the group is what there is.
    check(group >= std::min(config.num_ranks, m) && group <= std::max(m, config.num_ranks),
          ErrorKind::usage,
          "a group of {} microbatches per virtual stage (expected {} to {}: the ranks to the "
          "microbatches)",
          group, config.num_ranks, m);
    check(m % group == 0 || m % group >= config.num_ranks || m < config.num_ranks, ErrorKind::usage,
          "{} microbatches in groups of {} leave {} (expected 0, or at least the {} ranks)", m,
          group, m % group, config.num_ranks);
  }
  std::vector<Entry> table;
  for (int64_t first = 0; first < m; first += group) {
    for (int64_t chunk = 0; chunk < config.virtual_chunks; ++chunk) {
      for (int64_t i = first; i < std::min(first + group, m); ++i) table.push_back({chunk, i});
    }
  }
  return table;
}

int64_t group_of(const StaticConfig& config) {
  return config.group_size == 0 ? config.num_ranks : config.group_size;
}

// Forwards before the first backward. `hops` is the lead per rank: 2 where the first backward comes
// back through all chunks (Megatron), else 1.
int64_t warm_up(const StaticConfig& config, int64_t rank, int64_t hops, size_t table_size) {
  const int64_t lead = (config.num_ranks - rank - 1) * hops;
  return std::min(lead + (config.virtual_chunks - 1) * group_of(config),
                  static_cast<int64_t>(table_size));
}

// Split backward over the same table (A.3): the W of a virtual microbatch is written `delay`
// backwards after its B.
PipelineSchedule split_interleaved(const StaticConfig& config, int64_t hops,
                                   int64_t delay_per_rank) {
  PipelineSchedule schedule = empty_schedule(config);
  const std::vector<Entry> table = virtual_microbatches(config);
  const auto size = static_cast<int64_t>(table.size());
  const auto chunk_at = [&](int64_t i) { return table[static_cast<size_t>(i)].chunk; };
  for (int64_t rank = 0; rank < config.num_ranks; ++rank) {
    const int64_t warm = warm_up(config, rank, hops, table.size());
    OrderWriter order(config.virtual_chunks);
    for (int64_t i = 0; i < warm; ++i) order.forward(chunk_at(i));
    for (int64_t i = 0; i < size; ++i) {
      const bool drains = i >= size - warm;
      if (!drains) order.forward(chunk_at(warm + i));
      order.backward_input(config.virtual_chunks - 1 - chunk_at(i));
      if (drains || i >= delay_per_rank * rank) order.weight();
    }
    while (order.weight()) {
    }
    schedule.ranks.push_back(order.take());
  }
  return schedule;
}

}  // namespace

PipelineSchedule fill_drain(const StaticConfig& config) {
  PipelineSchedule schedule = empty_schedule(config);
  OrderWriter order(config.virtual_chunks);
  for (int64_t chunk = 0; chunk < config.virtual_chunks; ++chunk) {
    for (int64_t m = 0; m < config.num_microbatches; ++m) order.forward(chunk);
  }
  for (int64_t chunk = config.virtual_chunks - 1; chunk >= 0; --chunk) {
    for (int64_t m = 0; m < config.num_microbatches; ++m) order.backward(chunk);
  }
  schedule.ranks.assign(static_cast<size_t>(config.num_ranks), order.take());
  return schedule;
}

PipelineSchedule one_forward_one_backward(const StaticConfig& config) {
  PipelineSchedule schedule = empty_schedule(config);
  const std::vector<Entry> table = virtual_microbatches(config);
  const int64_t hops = config.virtual_chunks == 1 ? 1 : 2;
  for (int64_t rank = 0; rank < config.num_ranks; ++rank) {
    const auto warm = static_cast<size_t>(warm_up(config, rank, hops, table.size()));
    OrderWriter order(config.virtual_chunks);
    for (size_t i = 0; i < table.size() + warm; ++i) {
      if (i < table.size()) order.forward(table[i].chunk);
      if (i >= warm) order.backward(config.virtual_chunks - 1 - table[i - warm].chunk);
    }
    schedule.ranks.push_back(order.take());
  }
  return schedule;
}

PipelineSchedule interleaved_zb1p(const StaticConfig& config) {
  return split_interleaved(config, 1, 1);
}

PipelineSchedule interleaved_zb_w2(const StaticConfig& config) {
  return split_interleaved(config, 2, 2);
}

PipelineSchedule zb_h2(const StaticConfig& config) {
  PipelineSchedule schedule = empty_schedule(config);
  const int64_t m = config.num_microbatches;
  for (int64_t rank = 0; rank < config.num_ranks; ++rank) {
    const int64_t warm = std::min(2 * (config.num_ranks - rank) - 1, m);
    OrderWriter order(1);
    for (int64_t i = 0; i < warm; ++i) order.forward(0);
    for (int64_t i = 0; i < m; ++i) {
      order.backward_input(0);
      if (i >= 2 * rank) order.weight();
      if (order.num_forwards(0) < m) order.forward(0);
    }
    while (order.weight()) {
    }
    schedule.ranks.push_back(order.take());
  }
  return schedule;
}

}  // namespace weft::schedule
