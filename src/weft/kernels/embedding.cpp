#include "weft/kernels/embedding.hpp"

#include "weft/device/kernel_clock.hpp"
#include "weft/kernels/checks.hpp"
#include "weft/kernels/kernel_table.hpp"

namespace weft::kernels {

namespace {

/// Ids are checked one by one: a wrong one comes from the data, and would read or write elsewhere.
/// The host cannot read those of a GPU.
void check_ids(const Stream& stream, const char* what, const char* name,
               const ConstTensorView& ids_BS, int64_t count, int64_t rows) {
  check_size(name, ids_BS, count, DType::i64);
  if (stream.queue() != nullptr) return;
  const int64_t* ids = ids_BS.data<int64_t>();
  for (int64_t i = 0; i < count; ++i) {
    check(ids[i] >= 0 && ids[i] < rows, ErrorKind::internal, "{} {} of {}; the table has {} rows",
          what, ids[i], i, rows);
  }
}

}  // namespace

void embedding_forward(const Context& context, ConstTensorView word_VH, ConstTensorView position_PH,
                       ConstTensorView tokens_BS, ConstTensorView positions_BS,
                       TensorView out_SBH) {
  const TimedKernel timed(context.stream, "embedding");
  check(out_SBH.shape().num_dims() == 3 && word_VH.shape().num_dims() == 2, ErrorKind::internal,
        "embedding of {} from a table {}; expected [S, B, H] from [V, H]",
        to_string(out_SBH.shape()), to_string(word_VH.shape()));
  const int64_t hidden = out_SBH.shape()[2];
  const int64_t tokens = out_SBH.shape().num_rows();
  check_element_type("word_VH", word_VH);
  check_stream_type("out_SBH", out_SBH, word_VH.dtype());
  check_size("word_VH", word_VH, word_VH.shape()[0] * hidden, word_VH.dtype());
  check_ids(context.stream, "token", "tokens_BS", tokens_BS, tokens, word_VH.shape()[0]);
  if (!position_PH.empty()) {
    check_size("position_PH", position_PH, position_PH.shape()[0] * hidden, word_VH.dtype());
    check_ids(context.stream, "position", "positions_BS", positions_BS, tokens,
              position_PH.shape()[0]);
  }
  kernel_table(context.stream)
      .embedding_forward(context, word_VH, position_PH, tokens_BS, positions_BS, out_SBH);
}

size_t embedding_backward_workspace(const Stream& stream, int64_t tokens, int64_t rows) {
  if (stream.queue() == nullptr) return 0;
  return static_cast<size_t>(rows + 2 * tokens) * sizeof(int32_t);
}

void embedding_backward(const Context& context, ConstTensorView dout_SBH, ConstTensorView ids_BS,
                        TensorView dtable_RH) {
  const TimedKernel timed(context.stream, "embedding");
  check(dout_SBH.shape().num_dims() == 3 && dtable_RH.shape().num_dims() == 2, ErrorKind::internal,
        "embedding gradient of {} into a table {}; expected [S, B, H] into [R, H]",
        to_string(dout_SBH.shape()), to_string(dtable_RH.shape()));
  check_element_type("dout_SBH", dout_SBH);
  check_size("dtable_RH", dtable_RH, dtable_RH.shape()[0] * dout_SBH.shape()[2]);
  check_ids(context.stream, "id", "ids_BS", ids_BS, dout_SBH.shape().num_rows(),
            dtable_RH.shape()[0]);
  check_workspace("embedding_backward", context,
                  embedding_backward_workspace(context.stream, dout_SBH.shape().num_rows(),
                                               dtable_RH.shape()[0]));
  kernel_table(context.stream).embedding_backward(context, dout_SBH, ids_BS, dtable_RH);
}

}  // namespace weft::kernels
