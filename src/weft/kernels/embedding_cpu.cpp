#include <algorithm>

#include "weft/kernels/checks.hpp"
#include "weft/kernels/embedding.hpp"
#include "weft/kernels/parallel.hpp"

namespace weft::kernels {

namespace {

void check_ids(const char* what, const int64_t* ids, int64_t count, int64_t rows) {
  for (int64_t i = 0; i < count; ++i) {
    check(ids[i] >= 0 && ids[i] < rows, ErrorKind::internal, "{} {} of {}; the table has {} rows",
          what, ids[i], i, rows);
  }
}

}  // namespace

void embedding_forward(const Context& /*context*/, ConstTensorView word_VH,
                       ConstTensorView position_PH, ConstTensorView tokens_BS,
                       ConstTensorView positions_BS, TensorView out_SBH) {
  check(out_SBH.shape().num_dims() == 3 && word_VH.shape().num_dims() == 2, ErrorKind::internal,
        "embedding of {} from a table {}; expected [S, B, H] from [V, H]",
        to_string(out_SBH.shape()), to_string(word_VH.shape()));
  const int64_t sequence = out_SBH.shape()[0];
  const int64_t microbatch = out_SBH.shape()[1];
  const int64_t hidden = out_SBH.shape()[2];
  check_size("word_VH", word_VH, word_VH.shape()[0] * hidden);
  check_size("tokens_BS", tokens_BS, microbatch * sequence, DType::i64);
  const int64_t* tokens = tokens_BS.data<int64_t>();
  check_ids("token", tokens, microbatch * sequence, word_VH.shape()[0]);
  const float* word = word_VH.data<float>();
  const int64_t* positions = nullptr;
  const float* position = nullptr;
  if (!position_PH.empty()) {
    check_size("position_PH", position_PH, position_PH.shape()[0] * hidden);
    check_size("positions_BS", positions_BS, microbatch * sequence, DType::i64);
    positions = positions_BS.data<int64_t>();
    position = position_PH.data<float>();
    check_ids("position", positions, microbatch * sequence, position_PH.shape()[0]);
  }
  float* out_all = out_SBH.data<float>();
  parallel_pieces(sequence * microbatch, rows_per_piece(hidden), [=](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      const int64_t index = row % microbatch * sequence + row / microbatch;
      const float* __restrict from = word + tokens[index] * hidden;
      float* __restrict out = out_all + row * hidden;
      if (position == nullptr) {
        std::copy(from, from + hidden, out);
        continue;
      }
      const float* __restrict at = position + positions[index] * hidden;
      for (int64_t i = 0; i < hidden; ++i) out[i] = from[i] + at[i];
    }
  });
}

void embedding_backward(const Context& /*context*/, ConstTensorView dout_SBH,
                        ConstTensorView ids_BS, TensorView dtable_RH) {
  check(dout_SBH.shape().num_dims() == 3 && dtable_RH.shape().num_dims() == 2, ErrorKind::internal,
        "embedding gradient of {} into a table {}; expected [S, B, H] into [R, H]",
        to_string(dout_SBH.shape()), to_string(dtable_RH.shape()));
  const int64_t sequence = dout_SBH.shape()[0];
  const int64_t microbatch = dout_SBH.shape()[1];
  const int64_t hidden = dout_SBH.shape()[2];
  check_size("ids_BS", ids_BS, microbatch * sequence, DType::i64);
  check_size("dtable_RH", dtable_RH, dtable_RH.shape()[0] * hidden);
  const int64_t* ids = ids_BS.data<int64_t>();
  check_ids("id", ids, microbatch * sequence, dtable_RH.shape()[0]);
  const float* dout = dout_SBH.data<float>();
  float* table = dtable_RH.data<float>();
  // A thread owns columns, not rows: every element sees its tokens in order, without atomics.
  constexpr int64_t kColumns = 64;
  parallel_pieces(hidden, kColumns, [=](int64_t begin, int64_t end) {
    for (int64_t b = 0; b < microbatch; ++b) {
      for (int64_t s = 0; s < sequence; ++s) {
        const float* __restrict from = dout + (s * microbatch + b) * hidden;
        float* __restrict to = table + ids[b * sequence + s] * hidden;
        for (int64_t i = begin; i < end; ++i) to[i] += from[i];
      }
    }
  });
}

}  // namespace weft::kernels
