#include "weft/kernels/attention_scratch.hpp"

#include <type_traits>

namespace weft::kernels {

namespace {

/// Gives out arrays one after another, each on its own cache lines.
struct Layout {
  template <typename T>
  T* take(int64_t count) {
    const size_t offset = used;
    used += aligned_size(static_cast<size_t>(count) * sizeof(T));
    return base == nullptr ? nullptr : reinterpret_cast<T*>(base + offset);
  }

  std::byte* base;
  size_t used = 0;
};

template <typename P>
AttentionScratch<P> lay_out(Layout& layout, const AttentionSpec& spec, bool backward) {
  // With pairs a matrix by rows or by columns has half as many places as elements.
  constexpr bool kPairs = !std::is_same_v<P, float>;
  const int64_t width = padded(spec.head_dim);
  const int64_t sequence = (spec.sequence + kQueries - 1) / kQueries * kQueries;
  const auto places = [&](int64_t elements) {
    return layout.template take<P>(elements / kElements<P>);
  };
  const auto floats = [&](int64_t elements) { return layout.template take<float>(elements); };
  AttentionScratch<P> scratch{};
  scratch.k_SD = places(sequence * width);
  scratch.v_SD = places(sequence * width);
  scratch.q_RD = places(kQueries * width);
  scratch.q_DR = places(kQueries * width);
  scratch.s_CR = floats(kKeys * kQueries);
  if constexpr (kPairs) {
    scratch.p_CR = places(kKeys * kQueries);
  } else {
    scratch.p_CR = scratch.s_CR;
  }
  scratch.factor_CR = floats(kKeys * kQueries);
  scratch.out_RD = floats(kQueries * width);
  scratch.max_R = floats(kQueries);
  scratch.sum_R = floats(kQueries);
  scratch.rescale_R = floats(kQueries);
  if (!backward) return scratch;
  scratch.dout_RD = places(kQueries * width);
  scratch.dout_DR = places(kQueries * width);
  scratch.dp_CR = floats(kKeys * kQueries);
  if constexpr (kPairs) {
    scratch.k_pairs_SD = places(sequence * width);
    scratch.rows_RD = places(kQueries * width);
    scratch.ds_CR = places(kKeys * kQueries);
    scratch.ds_pairs_CR = places(kKeys * kQueries);
  } else {
    scratch.k_pairs_SD = scratch.k_SD;
    scratch.ds_CR = scratch.dp_CR;
    scratch.ds_pairs_CR = scratch.dp_CR;
  }
  scratch.dk_SD = floats(sequence * width);
  scratch.dv_SD = floats(sequence * width);
  return scratch;
}

}  // namespace

template <typename P>
AttentionScratch<P> take_scratch(std::byte* base, const AttentionSpec& spec,
                                 bool backward) noexcept {
  Layout layout{base};
  return lay_out<P>(layout, spec, backward);
}

template <typename P>
size_t scratch_bytes(const AttentionSpec& spec, bool backward) {
  Layout layout{nullptr};
  lay_out<P>(layout, spec, backward);
  return layout.used;
}

template AttentionScratch<float> take_scratch(std::byte*, const AttentionSpec&, bool) noexcept;
template AttentionScratch<BFloat16Pair> take_scratch(std::byte*, const AttentionSpec&,
                                                     bool) noexcept;
template size_t scratch_bytes<float>(const AttentionSpec&, bool);
template size_t scratch_bytes<BFloat16Pair>(const AttentionSpec&, bool);

}  // namespace weft::kernels
