#include "comm/conformance.hpp"

#include <cmath>
#include <cstring>
#include <vector>

#include "weft/base/error.hpp"
#include "weft/comm/communicator.hpp"
#include "weft/comm/leader_log.hpp"
#include "weft/comm/link_receiver.hpp"
#include "weft/comm/link_sender.hpp"

namespace weft::comm::testing {

namespace {

constexpr std::array kTypes = {DType::f32, DType::bf16, DType::f16,
                               DType::i32, DType::i64,  DType::u8};
/// None, fewer than ranks, odd, around the eager limit and beyond it.
constexpr std::array<int64_t, 9> kSizes = {0, 1, 3, 7, 17, 511, 513, 2049, 10'007};

uint64_t mix(uint64_t value) {
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

/// The value that `rank` contributes at `index`: fractions whose sums depend on their order.
template <typename T>
T value(int rank, int64_t index, uint64_t salt) {
  const uint64_t bits =
      mix(salt * 7919 + static_cast<uint64_t>(rank) * 104729 + static_cast<uint64_t>(index));
  const auto number = static_cast<float>(static_cast<double>(bits >> 40) / 5e5 - 16.0);
  if constexpr (std::is_same_v<T, BFloat16>) {
    return to_bfloat16(number);
  } else if constexpr (std::is_same_v<T, Float16>) {
    return to_float16(number);
  } else if constexpr (std::is_same_v<T, float>) {
    return number;
  } else {
    return static_cast<T>(bits);
  }
}

template <typename T>
T reduce(Reduction reduction, int size, const auto& contribution) {
  if constexpr (std::is_integral_v<T>) {
    uint64_t sum = 0;
    T largest = contribution(0);
    for (int rank = 0; rank < size; ++rank) {
      sum += static_cast<uint64_t>(contribution(rank));
      largest = std::max(largest, contribution(rank));
    }
    return reduction == Reduction::sum ? static_cast<T>(sum) : largest;
  } else {
    const auto wide = [&](int rank) {
      if constexpr (std::is_same_v<T, float>) {
        return contribution(rank);
      } else {
        return to_float(contribution(rank));
      }
    };
    float result = wide(0);
    for (int rank = 1; rank < size; ++rank) {
      result = reduction == Reduction::sum ? result + wide(rank) : std::max(result, wide(rank));
    }
    if constexpr (std::is_same_v<T, BFloat16>) {
      return to_bfloat16(result);
    } else if constexpr (std::is_same_v<T, Float16>) {
      return to_float16(result);
    } else {
      return result;
    }
  }
}

/// The checks of one communicator; `check_all` visits every collective with one type and size.
class Checks {
 public:
  Checks(Communicator& ranks, bool async) : ranks_(ranks), async_(async) {}

  template <typename T>
  void check_all(int64_t count) {
    salt_ = mix(salt_ + static_cast<uint64_t>(count));
    all_reduce<T>(count, Reduction::sum);
    all_reduce<T>(count, Reduction::max);
    reduce_scatter<T>(count, Reduction::sum);
    reduce_scatter<T>(count, Reduction::max);
    all_gather<T>(count);
    all_to_all<T>(count);
    for (const int root : {0, ranks_.size() - 1}) {
      broadcast<T>(count, root);
      gather<T>(count, root);
      scatter<T>(count, root);
    }
    if (async_) {
      ranks_.barrier_async().wait();
    } else {
      ranks_.barrier();
    }
  }

  uint64_t hash() const { return hash_; }

 private:
  template <typename T>
  Tensor filled(int64_t count) const {
    Tensor tensor({count}, dtype_of<T>);
    for (int64_t i = 0; i < count; ++i) {
      tensor.span<T>()[static_cast<size_t>(i)] = value<T>(ranks_.rank(), i, salt_);
    }
    return tensor;
  }

  template <typename T>
  void expect(Operation operation, const Tensor& actual, const auto& expected) {
    const auto span = actual.span<T>();
    for (size_t i = 0; i < span.size(); ++i) {
      const T want = expected(static_cast<int64_t>(i));
      check(std::memcmp(&span[i], &want, sizeof(T)) == 0, ErrorKind::internal,
            "{} of {} elements of {} among {} ranks: element {} is wrong on rank {}",
            name(operation), span.size(), weft::name(dtype_of<T>), ranks_.size(), i, ranks_.rank());
    }
    hash_ = mix(hash_ ^ checksum(std::as_bytes(span)));
  }

  template <typename T>
  void all_reduce(int64_t count, Reduction reduction) {
    Tensor data = filled<T>(count);
    if (async_) {
      ranks_.all_reduce_async(data, reduction).wait();
    } else {
      ranks_.all_reduce(data, reduction);
    }
    expect<T>(Operation::all_reduce, data, [&](int64_t i) {
      return reduce<T>(reduction, ranks_.size(), [&](int r) { return value<T>(r, i, salt_); });
    });
  }

  template <typename T>
  void reduce_scatter(int64_t count, Reduction reduction) {
    const Tensor input = filled<T>(count * ranks_.size());
    Tensor output({count}, dtype_of<T>);
    if (async_) {
      ranks_.reduce_scatter_async(input, output, reduction).wait();
    } else {
      ranks_.reduce_scatter(input, output, reduction);
    }
    expect<T>(Operation::reduce_scatter, output, [&](int64_t i) {
      const int64_t at = ranks_.rank() * count + i;
      return reduce<T>(reduction, ranks_.size(), [&](int r) { return value<T>(r, at, salt_); });
    });
  }

  template <typename T>
  void all_gather(int64_t count) {
    const Tensor input = filled<T>(count);
    Tensor output({count * ranks_.size()}, dtype_of<T>);
    if (async_) {
      ranks_.all_gather_async(input, output).wait();
    } else {
      ranks_.all_gather(input, output);
    }
    expect<T>(Operation::all_gather, output,
              [&](int64_t i) { return value<T>(static_cast<int>(i / count), i % count, salt_); });
  }

  template <typename T>
  void all_to_all(int64_t count) {
    const Tensor input = filled<T>(count * ranks_.size());
    Tensor output({count * ranks_.size()}, dtype_of<T>);
    if (async_) {
      ranks_.all_to_all_async(input, output).wait();
    } else {
      ranks_.all_to_all(input, output);
    }
    expect<T>(Operation::all_to_all, output, [&](int64_t i) {
      return value<T>(static_cast<int>(i / count), ranks_.rank() * count + i % count, salt_);
    });
  }

  template <typename T>
  void broadcast(int64_t count, int root) {
    Tensor data = filled<T>(count);
    if (async_) {
      ranks_.broadcast_async(data, root).wait();
    } else {
      ranks_.broadcast(data, root);
    }
    expect<T>(Operation::broadcast, data, [&](int64_t i) { return value<T>(root, i, salt_); });
  }

  template <typename T>
  void gather(int64_t count, int root) {
    const Tensor input = filled<T>(count);
    Tensor output({ranks_.rank() == root ? count * ranks_.size() : 0}, dtype_of<T>);
    if (async_) {
      ranks_.gather_async(input, output, root).wait();
    } else {
      ranks_.gather(input, output, root);
    }
    expect<T>(Operation::gather, output,
              [&](int64_t i) { return value<T>(static_cast<int>(i / count), i % count, salt_); });
  }

  template <typename T>
  void scatter(int64_t count, int root) {
    const Tensor input = filled<T>(ranks_.rank() == root ? count * ranks_.size() : 0);
    Tensor output({count}, dtype_of<T>);
    if (async_) {
      ranks_.scatter_async(input, output, root).wait();
    } else {
      ranks_.scatter(input, output, root);
    }
    expect<T>(Operation::scatter, output,
              [&](int64_t i) { return value<T>(root, ranks_.rank() * count + i, salt_); });
  }

  Communicator& ranks_;
  bool async_;
  uint64_t salt_ = 1;
  uint64_t hash_ = 1;
};

uint64_t check_collectives(Communicator& ranks, bool async) {
  Checks checks(ranks, async);
  for (const int64_t size : kSizes) {
    checks.check_all<float>(size);
    checks.check_all<BFloat16>(size);
    checks.check_all<Float16>(size);
    checks.check_all<int32_t>(size);
    checks.check_all<int64_t>(size);
    checks.check_all<uint8_t>(size);
  }
  return checks.hash();
}

/// Every rank sends to its successor and receives from its predecessor: all types, several shapes,
/// several in flight, taken out of order.
uint64_t check_links(RankContext& context) {
  constexpr int64_t kBytes = 64 * 1024;
  constexpr int64_t kMicrobatches = 12;
  const int size = context.world_size;
  const int from = (context.rank + size - 1) % size;
  LinkSender sender(*context.endpoint, {.stage = context.rank}, (context.rank + 1) % size, kBytes);
  LinkReceiver receiver(*context.endpoint, {.stage = from}, from, kBytes, 3);
  Buffer saved(kBytes);
  uint64_t hash = 7;
  const auto shape_of = [](int64_t microbatch) {
    return microbatch % 3 == 0   ? Shape{microbatch, 3, 5}
           : microbatch % 3 == 1 ? Shape{7 * microbatch}
                                 : Shape{2, 2, 2, 64 * microbatch};
  };
  const auto dtype_at = [](int64_t microbatch) {
    return kTypes[static_cast<size_t>(microbatch) % kTypes.size()];
  };
  const auto byte_at = [](int rank, int64_t step, int64_t microbatch, size_t i) {
    return static_cast<std::byte>(mix(static_cast<uint64_t>(rank + 1) * 31 +
                                      static_cast<uint64_t>(step * 1009 + microbatch * 17) + i));
  };
  const auto take = [&](int64_t step, int64_t microbatch) {
    receiver.wait(microbatch);
    const LinkTensor tensor = receiver.take(microbatch, saved);
    check(tensor.dtype == dtype_at(microbatch) && tensor.shape == shape_of(microbatch),
          ErrorKind::internal, "a link changed type or shape of microbatch {}", microbatch);
    const auto bytes = static_cast<size_t>(tensor.shape.num_elements()) * size_of(tensor.dtype);
    for (size_t i = 0; i < bytes; ++i) {
      check(saved.data()[i] == byte_at(from, step, microbatch, i), ErrorKind::internal,
            "a link changed byte {} of microbatch {}", i, microbatch);
    }
    hash = mix(hash ^ checksum({saved.data(), bytes}));
  };
  for (int64_t step = 0; step < 3; ++step) {
    context.endpoint->set_step(step);
    receiver.begin_step(kMicrobatches);
    for (int64_t first = 0; first < kMicrobatches; first += 3) {
      for (int64_t microbatch = first; microbatch < first + 3; ++microbatch) {
        sender.wait_free();
        const TensorView out = sender.buffer(dtype_at(microbatch), shape_of(microbatch));
        auto* bytes = static_cast<std::byte*>(out.raw());
        for (size_t i = 0; i < out.size_bytes(); ++i) {
          bytes[i] = byte_at(context.rank, step, microbatch, i);
        }
        sender.send(microbatch, dtype_at(microbatch), shape_of(microbatch));
      }
      for (const int64_t later : {2, 0, 1}) take(step, first + later);
    }
  }
  context.endpoint->set_step(0);
  return hash;
}

uint64_t check_leader_log(RankContext& context) {
  LeaderLog log(*context.endpoint, context.world().group());
  uint64_t hash = 11;
  for (uint64_t i = 0; i < 100; ++i) {
    LeaderLog::Entry entry{};
    const uint64_t expected = mix(i);
    if (log.is_leader()) {
      std::memcpy(entry.data(), &expected, sizeof(expected));
      log.append(entry);
    } else {
      entry = log.next();
    }
    uint64_t got = 0;
    std::memcpy(&got, entry.data(), sizeof(got));
    check(got == expected, ErrorKind::internal, "entry {} of the leader log is wrong", i);
    hash = mix(hash ^ got);
  }
  return hash;
}

}  // namespace

uint64_t run_conformance(RankContext& context) {
  uint64_t hash = check_collectives(context.world(), false);
  hash = mix(hash ^ check_collectives(context.world(), true));
  RankGroup even{.name = "even", .ranks = {}};
  // In descending order: group rank and world rank differ.
  for (int rank = (context.world_size - 1) / 2 * 2; rank >= 0; rank -= 2) {
    even.ranks.push_back(rank);
  }
  if (context.rank % 2 == 0) {
    Communicator group(*context.endpoint, even);
    hash = mix(hash ^ check_collectives(group, false));
  }
  hash = mix(hash ^ check_links(context));
  return mix(hash ^ check_leader_log(context));
}

uint64_t run_conformance_of_world(RankContext& context) {
  const auto own = static_cast<int64_t>(run_conformance(context));
  Tensor hash({1}, DType::i64);
  hash.span<int64_t>()[0] = own;
  Tensor all({context.world_size}, DType::i64);
  context.world().all_gather(hash, all);
  return checksum(std::as_bytes(all.span<int64_t>()));
}

}  // namespace weft::comm::testing
