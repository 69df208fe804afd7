#include "weft/kernels/embedding.hpp"

#include <cstring>
#include <type_traits>

#include "weft/kernels/element_loops.hpp"

namespace weft::kernels::cpu::inline WEFT_ISA {

namespace {

template <typename X, typename T>
void forward(ConstTensorView word_VH, ConstTensorView position_PH, ConstTensorView tokens_BS,
             ConstTensorView positions_BS, TensorView out_SBH) {
  const int64_t sequence = out_SBH.shape()[0];
  const int64_t microbatch = out_SBH.shape()[1];
  const int64_t hidden = out_SBH.shape()[2];
  const bool with_position = !position_PH.empty();
  const T* word = word_VH.data<T>();
  const int64_t* tokens = tokens_BS.data<int64_t>();
  const T* position = with_position ? position_PH.data<T>() : nullptr;
  const int64_t* positions = with_position ? positions_BS.data<int64_t>() : nullptr;
  X* out_all = out_SBH.data<X>();
  parallel_rows(sequence * microbatch, hidden, [=](int64_t row) {
    const int64_t index = row % microbatch * sequence + row / microbatch;
    const T* from = word + tokens[index] * hidden;
    X* out = out_all + row * hidden;
    if (position == nullptr) {
      if constexpr (std::is_same_v<X, T>) {
        std::memcpy(out, from, static_cast<size_t>(hidden) * sizeof(T));
      } else {
        map_row(
            hidden, out, [](float w) { return w; }, from);
      }
      return;
    }
    const T* at = position + positions[index] * hidden;
    map_row(
        hidden, out, [](float w, float p) { return w + p; }, from, at);
  });
}

template <typename T>
void backward(ConstTensorView dout_SBH, ConstTensorView ids_BS, TensorView dtable_RH) {
  const int64_t sequence = dout_SBH.shape()[0];
  const int64_t microbatch = dout_SBH.shape()[1];
  const int64_t hidden = dout_SBH.shape()[2];
  const int64_t* ids = ids_BS.data<int64_t>();
  const T* dout = dout_SBH.data<T>();
  float* table = dtable_RH.data<float>();
  // A thread owns columns, not rows: every element sees its tokens in order, without atomics.
  constexpr int64_t kColumns = 64;
  parallel_pieces(hidden, kColumns, [=](int64_t begin, int64_t end) {
    for (int64_t b = 0; b < microbatch; ++b) {
      for (int64_t s = 0; s < sequence; ++s) {
        const T* from = dout + (s * microbatch + b) * hidden + begin;
        float* to = table + ids[b * sequence + s] * hidden + begin;
        add_to_row(
            end - begin, to, [](float d) { return d; }, from);
      }
    }
  });
}

}  // namespace

void embedding_forward(const Context& /*context*/, ConstTensorView word_VH,
                       ConstTensorView position_PH, ConstTensorView tokens_BS,
                       ConstTensorView positions_BS, TensorView out_SBH) {
  with_stream_type(out_SBH.dtype(), word_VH.dtype(), [&]<typename X, typename T>(X, T) {
    forward<X, T>(word_VH, position_PH, tokens_BS, positions_BS, out_SBH);
  });
}

void embedding_backward(const Context& /*context*/, ConstTensorView dout_SBH,
                        ConstTensorView ids_BS, TensorView dtable_RH) {
  with_type(dout_SBH.dtype(), [&]<typename T>(T) { backward<T>(dout_SBH, ids_BS, dtable_RH); });
}

}  // namespace weft::kernels::cpu::inline WEFT_ISA
