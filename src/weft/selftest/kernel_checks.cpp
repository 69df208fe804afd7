#include <fmt/format.h>

#include <array>
#include <cmath>

#include "weft/selftest/checks.hpp"
#include "weft/selftest/kernel_check.hpp"

namespace weft::selftest {

namespace {

constexpr std::array<DType, 3> kTypes = {DType::f32, DType::bf16, DType::f16};

/// The type of the residual stream beside elements of `dtype`: the same, or f32.
std::vector<DType> stream_types(DType dtype) {
  if (dtype == DType::f32) return {DType::f32};
  return {dtype, DType::f32};
}

void check_layer_norm(KernelCheck& check, DType dtype, DType stream) {
  Twins& twins = check.twins;
  const int64_t tokens = check.sizes.rows;
  const int64_t hidden = check.sizes.columns;
  const kernels::NormConstants constants;
  Twin& x = twins.normal({tokens, hidden}, stream, 2.0F, 0.5F);
  Twin& dy = twins.normal({tokens, hidden}, dtype);
  Twin& gamma = twins.normal({hidden}, dtype, 0.2F, 1.0F);
  Twin& beta = twins.normal({hidden}, dtype);
  Twin& y = twins.output({tokens, hidden}, dtype);
  Twin& mean = twins.output({tokens}, DType::f32);
  Twin& rstd = twins.output({tokens}, DType::f32);
  Twin& dx = twins.normal({tokens, hidden}, stream);
  Twin& dx_written = twins.output({tokens, hidden}, stream);
  Twin& dgamma = twins.normal({hidden}, DType::f32);
  Twin& dbeta = twins.normal({hidden}, DType::f32);
  check.compare("layer_norm_forward", {&y, &mean, &rstd}, [&](const Twins::Side& s) {
    kernels::layer_norm_forward(s.context, s(x), s(gamma), s(beta), constants, s(y), s(mean),
                                s(rstd));
  });
  check.compare("layer_norm_backward_input", {&dx, &dx_written}, [&](const Twins::Side& s) {
    for (Twin* to : {&dx, &dx_written}) {
      kernels::layer_norm_backward_input(s.context, s(dy), s(x), s(gamma), constants, s(mean),
                                         s(rstd), to == &dx, s(*to));
    }
  });
  check.compare("layer_norm_backward_weight", {&dgamma, &dbeta}, [&](const Twins::Side& s) {
    kernels::layer_norm_backward_weight(s.context, s(dy), s(x), s(mean), s(rstd), s(dgamma),
                                        s(dbeta));
  });
}

void check_rms_norm(KernelCheck& check, DType dtype, DType stream) {
  Twins& twins = check.twins;
  const int64_t tokens = check.sizes.rows;
  const int64_t hidden = check.sizes.columns;
  const kernels::NormConstants constants;
  Twin& x = twins.normal({tokens, hidden}, stream, 2.0F);
  Twin& dy = twins.normal({tokens, hidden}, dtype);
  Twin& gamma = twins.normal({hidden}, dtype, 0.2F, 1.0F);
  Twin& y = twins.output({tokens, hidden}, dtype);
  Twin& rstd = twins.output({tokens}, DType::f32);
  Twin& dx = twins.normal({tokens, hidden}, stream);
  Twin& dx_written = twins.output({tokens, hidden}, stream);
  Twin& dgamma = twins.normal({hidden}, DType::f32);
  check.compare("rms_norm_forward", {&y, &rstd}, [&](const Twins::Side& s) {
    kernels::rms_norm_forward(s.context, s(x), s(gamma), constants, s(y), s(rstd));
  });
  check.compare("rms_norm_backward_input", {&dx, &dx_written}, [&](const Twins::Side& s) {
    for (Twin* to : {&dx, &dx_written}) {
      kernels::rms_norm_backward_input(s.context, s(dy), s(x), s(gamma), constants, s(rstd),
                                       to == &dx, s(*to));
    }
  });
  check.compare("rms_norm_backward_weight", {&dgamma}, [&](const Twins::Side& s) {
    kernels::rms_norm_backward_weight(s.context, s(dy), s(x), s(rstd), s(dgamma));
  });
}

void check_add_norm(KernelCheck& check, DType dtype, DType stream) {
  Twins& twins = check.twins;
  const int64_t tokens = check.sizes.rows;
  const int64_t hidden = check.sizes.columns;
  const Shape shape{tokens / 2, 2, hidden};
  Twin& samples = twins.ids({2}, 1000);
  Twin& x = twins.normal(shape, dtype);
  Twin& bias = twins.normal({hidden}, dtype);
  Twin& residual = twins.normal(shape, stream, 2.0F, 0.5F);
  Twin& gamma = twins.normal({hidden}, dtype, 0.2F, 1.0F);
  Twin& beta = twins.normal({hidden}, dtype);
  Twin& sum = twins.output(shape, stream);
  Twin& y = twins.output({tokens, hidden}, dtype);
  Twin& mean = twins.output({tokens}, DType::f32);
  Twin& rstd = twins.output({tokens}, DType::f32);
  for (const bool layer_norm : {true, false}) {
    std::vector<Twin*> results = {&sum, &y, &rstd};
    if (layer_norm) results.push_back(&mean);
    const char* name =
        layer_norm ? "add_norm_forward of layer norm" : "add_norm_forward of RMS norm";
    check.compare(name, results, [&](const Twins::Side& s) {
      const kernels::Dropout dropout(0.1, 1234, 3, kernels::DropoutSite::attention_output,
                                     s.ids(samples));
      kernels::add_norm_forward(s.context,
                                {.dropout = dropout,
                                 .x_SBH = s(x),
                                 .bias_H = layer_norm ? s(bias) : TensorView(),
                                 .residual_SBH = s(residual),
                                 .sum_SBH = s(sum)},
                                {.gamma_H = s(gamma),
                                 .beta_H = layer_norm ? s(beta) : TensorView(),
                                 .constants = {},
                                 .y_TH = s(y),
                                 .mean_T = layer_norm ? s(mean) : TensorView(),
                                 .rstd_T = s(rstd)});
    });
  }
}

void check_activations(KernelCheck& check, DType dtype) {
  using kernels::Activation;
  constexpr std::array<std::pair<Activation, const char*>, 4> kActivations = {
      {{Activation::gelu_tanh, "gelu_tanh"},
       {Activation::gelu_erf, "gelu_erf"},
       {Activation::squared_relu, "squared_relu"},
       {Activation::swiglu, "swiglu"}}};
  const int64_t tokens = check.sizes.rows;
  const int64_t width = check.sizes.columns;
  for (const auto& named : kActivations) {
    const Activation activation = named.first;
    const int64_t wide = kernels::is_gated(activation) ? 2 * width : width;
    Twin& x = check.twins.normal({tokens, wide}, dtype, 2.0F);
    Twin& dy = check.twins.normal({tokens, width}, dtype);
    Twin& y = check.twins.output({tokens, width}, dtype);
    Twin& dx = check.twins.output({tokens, wide}, dtype);
    check.compare(named.second, {&y, &dx}, [&](const Twins::Side& s) {
      kernels::activation_forward(s.context, activation, s(x), s(y));
      kernels::activation_backward(s.context, activation, s(dy), s(x), s(dx));
    });
  }
}

void check_heads(KernelCheck& check, DType dtype, int64_t head_dim) {
  const int64_t sequence = check.sizes.rows / 2;
  const kernels::HeadLayout layout{.heads = 6, .groups = 2, .head_dim = head_dim};
  const Shape qkv_shape{sequence, 2, layout.qkv_width()};
  Twin& cos = check.twins.normal({sequence, head_dim / 2}, DType::f32);
  Twin& sin = check.twins.normal({sequence, head_dim / 2}, DType::f32);
  for (const auto pairs : {kernels::RotaryPairs::halves, kernels::RotaryPairs::neighbours}) {
    Twin& qkv = check.twins.normal(qkv_shape, dtype);
    Twin& dqkv = check.twins.normal(qkv_shape, dtype);
    const bool halves = pairs == kernels::RotaryPairs::halves;
    check.compare(halves ? "rotary of halves" : "rotary of neighbours", {&qkv, &dqkv},
                  [&](const Twins::Side& s) {
                    kernels::rotary_forward(s.context, layout, pairs, s(cos), s(sin), s(qkv));
                    kernels::rotary_backward(s.context, layout, pairs, s(cos), s(sin), s(dqkv));
                  });
  }
  const int64_t tokens = sequence * 2;
  Twin& qkv = check.twins.normal({tokens, layout.qkv_width()}, dtype);
  Twin& queries = check.twins.output({tokens * layout.heads, head_dim}, dtype);
  Twin& keys = check.twins.output({tokens * layout.groups, head_dim}, dtype);
  Twin& back = check.twins.zeros({tokens, layout.qkv_width()}, dtype);
  check.compare("gather_heads, scatter_heads", {&queries, &keys, &back}, [&](const Twins::Side& s) {
    for (Twin* rows : {&queries, &keys}) {
      const auto part = rows == &queries ? kernels::HeadPart::queries : kernels::HeadPart::keys;
      kernels::gather_heads(s.context, layout, part, s(qkv), s(*rows));
      kernels::scatter_heads(s.context, layout, part, s(*rows), s(back));
    }
  });
}

void check_embedding(KernelCheck& check, DType dtype, DType stream) {
  const int64_t tokens = check.sizes.rows;
  const int64_t hidden = check.sizes.columns;
  constexpr int64_t kVocab = 50;
  const int64_t sequence = tokens / 2;
  Twin& word = check.twins.normal({kVocab, hidden}, dtype);
  Twin& position = check.twins.normal({sequence, hidden}, dtype);
  Twin& ids = check.twins.ids({2, sequence}, kVocab);
  Twin& positions = check.twins.ids({2, sequence}, sequence);
  Twin& out = check.twins.output({sequence, 2, hidden}, stream);
  Twin& plain = check.twins.output({sequence, 2, hidden}, stream);
  Twin& dout = check.twins.normal({sequence, 2, hidden}, stream);
  Twin& dword = check.twins.normal({kVocab, hidden}, DType::f32);
  check.compare("embedding_forward", {&out, &plain}, [&](const Twins::Side& s) {
    kernels::embedding_forward(s.context, s(word), s(position), s(ids), s(positions), s(out));
    kernels::embedding_forward(s.context, s(word), {}, s(ids), {}, s(plain));
  });
  check.compare("embedding_backward", {&dword}, [&](const Twins::Side& s) {
    kernels::embedding_backward(s.context, s(dout), s(ids), s(dword));
  });
}

void check_dropout(KernelCheck& check, DType dtype, DType stream) {
  const int64_t tokens = check.sizes.rows;
  const int64_t hidden = check.sizes.columns;
  const Shape shape{tokens / 2, 2, hidden};
  Twin& samples = check.twins.ids({2}, 1000);
  Twin& x = check.twins.normal(shape, dtype);
  Twin& residual = check.twins.normal(shape, stream);
  Twin& gradient = check.twins.normal(shape, stream);
  Twin& bias = check.twins.normal({hidden}, dtype);
  Twin& dropped = check.twins.output(shape, dtype);
  Twin& sum = check.twins.output(shape, stream);
  Twin& plain = check.twins.output(shape, stream);
  check.compare("dropout, bias_dropout_add", {&dropped, &sum, &plain}, [&](const Twins::Side& s) {
    const kernels::Dropout dropout(0.1, 1234, 3, kernels::DropoutSite::mlp_output, s.ids(samples));
    kernels::dropout_forward(s.context, dropout, s(gradient), s(dropped));
    kernels::bias_dropout_add_forward(s.context, dropout, s(x), s(bias), s(residual), s(sum));
    kernels::bias_dropout_add_forward(s.context, {}, s(x), {}, s(residual), s(plain));
  });
}

void check_cross_entropy(KernelCheck& check, DType dtype, int64_t vocab) {
  const int64_t tokens = check.sizes.rows;
  Twin& fused = check.twins.normal({tokens, vocab}, dtype, 3.0F);
  Twin& evaluated = check.twins.normal({tokens, vocab}, dtype, 3.0F);
  Twin& pieces = check.twins.normal({tokens, vocab}, dtype, 3.0F);
  Twin& labels = check.twins.ids({tokens}, vocab);
  Twin& dloss = check.twins.positive({tokens}, DType::f32);
  const auto row = [&] { return &check.twins.output({tokens}, DType::f32); };
  Twin* const loss = row();
  Twin* const loss_only = row();
  Twin* const max = row();
  Twin* const predicted = row();
  Twin* const sum = row();
  Twin* const loss_of_pieces = row();
  check.compare("cross_entropy", {&fused, loss, loss_only}, [&](const Twins::Side& s) {
    kernels::cross_entropy(s.context, s(fused), s(labels), s(dloss), s(*loss));
    kernels::cross_entropy(s.context, s(evaluated), s(labels), {}, s(*loss_only));
  });
  check.compare("cross_entropy in pieces", {&pieces, max, predicted, sum, loss_of_pieces},
                [&](const Twins::Side& s) {
                  kernels::cross_entropy_max(s.context, s(pieces), s(*max));
                  kernels::cross_entropy_sums(s.context, s(pieces), s(labels), 0, s(*max),
                                              s(*predicted), s(*sum));
                  kernels::cross_entropy_loss(s.context, s(*predicted), s(*sum),
                                              s(*loss_of_pieces));
                  kernels::cross_entropy_backward(s.context, s(pieces), s(labels), 0, s(*max),
                                                  s(*sum), s(dloss));
                });
}

void check_elementwise(KernelCheck& check, DType dtype) {
  const int64_t rows = check.sizes.rows;
  const int64_t columns = check.sizes.columns;
  const Shape shape{rows, columns};
  Twin& x = check.twins.normal(shape, dtype);
  Twin& y = check.twins.normal(shape, dtype);
  Twin& as_f32 = check.twins.output(shape, DType::f32);
  Twin& narrow = check.twins.output({rows, columns / 2}, DType::f32);
  Twin& sum = check.twins.normal({columns}, DType::f32);
  check.compare("add, scale, convert", {&y, &as_f32, &narrow}, [&](const Twins::Side& s) {
    kernels::add(s.context, s(x), s(y));
    kernels::scale(s.context, 0.3F, s(y));
    kernels::convert(s.context, s(x), s(as_f32));
    kernels::convert_rows(s.context, s(x), columns, s(narrow));
  });
  check.compare("column_sum", {&sum},
                [&](const Twins::Side& s) { kernels::column_sum(s.context, s(x), s(sum)); });
  Twin& wide = check.twins.normal(shape, DType::f32);
  Twin& rounded = check.twins.output(shape, dtype);
  check.compare("convert from f32", {&rounded},
                [&](const Twins::Side& s) { kernels::convert(s.context, s(wide), s(rounded)); });
}

void check_optimizer(KernelCheck& check, DType dtype) {
  const Shape shape{check.sizes.rows * check.sizes.columns};
  Twin& grad = check.twins.normal(shape, DType::f32);
  Twin& param = check.twins.normal(shape, DType::f32);
  Twin& exp_avg = check.twins.normal(shape, DType::f32, 0.1F);
  Twin& exp_avg_sq = check.twins.positive(shape, DType::f32);
  Twin& low = check.twins.output(shape, dtype);
  const kernels::AdamWStep step{.learning_rate = 1e-2F, .weight_decay = 0.1F};
  const bool has_low = dtype != DType::f32;
  std::vector<Twin*> adam = {&param, &exp_avg, &exp_avg_sq};
  if (has_low) adam.push_back(&low);
  check.compare("adamw", adam, [&](const Twins::Side& s) {
    kernels::adamw(s.context, step, 0.5F, s(grad), s(param), s(exp_avg), s(exp_avg_sq),
                   has_low ? s(low) : TensorView());
  });
  Twin& buffer = check.twins.normal(shape, DType::f32);
  check.compare("sgd", {&param, &buffer}, [&](const Twins::Side& s) {
    kernels::sgd(s.context, 0.01F, 0.9F, 0.1F, false, 0.5F, s(grad), s(param), s(buffer),
                 has_low ? s(low) : TensorView());
  });
}

void check_sums(KernelCheck& check) {
  const int64_t rows = check.sizes.rows;
  const int64_t columns = check.sizes.columns;
  Twin& x = check.twins.normal({rows, columns}, DType::f32);
  Twin& y = check.twins.normal({columns}, DType::f32);
  Twin& zeros = check.twins.zeros({17}, DType::f32);
  Twin& mask = check.twins.positive({columns}, DType::f32);
  Twin& total = check.twins.zeros({1}, DType::f64);
  Twin& normal = check.twins.output({rows, columns}, DType::f32);
  Twin& uniform = check.twins.output({rows, columns}, DType::f32);
  Twin& cleared = check.twins.output({rows, columns}, DType::f32);
  std::array<std::array<double, 3>, 2> squares{};
  std::array<std::array<int64_t, 3>, 2> counts{};
  check.compare("masked_sum", {&total}, [&](const Twins::Side& s) {
    kernels::masked_sum(s.context, s(y), s(mask), s(total));
    kernels::masked_sum(s.context, s(y), s(mask), s(total));
  });
  check.compare("fill_normal, fill_uniform, fill_zero", {&normal, &uniform, &cleared},
                [&](const Twins::Side& s) {
                  const philox::Key key = philox::named_key(7, "selftest");
                  kernels::fill_normal(s.context, key, 5, 0.5F, 2.0F, s(normal));
                  kernels::fill_uniform(s.context, key, 6, 0.5F, 2.0F, s(uniform));
                  kernels::fill_zero(s.context, s(cleared));
                });
  check.value("sums_of_squares, counts_of_zeros", 1e-13, [&] {
    size_t side = 0;
    check.twins.run([&](const Twins::Side& s) {
      const std::array<ConstTensorView, 3> views = {s(x), s(y), s(zeros)};
      kernels::sums_of_squares(s.context, views, squares[side]);
      kernels::counts_of_zeros(s.context, views, counts[side]);
      ++side;
    });
    double error = counts[0] == counts[1] ? 0.0 : 1.0;
    for (size_t i = 0; i < 2; ++i) {
      error = std::max(error, std::abs(squares[1][i] / squares[0][i] - 1.0));
    }
    return std::max(error, std::abs(squares[1][2]));
  });
}

}  // namespace

void check_kernels(const ComputeDevice& device, const ResultSink& sink) {
  Twins twins(device);
  for (const KernelSizes& sizes : {KernelSizes{256, 768}, KernelSizes{38, 77}}) {
    for (const DType dtype : kTypes) {
      KernelCheck check{twins, sink, sizes, dtype};
      for (const DType stream : stream_types(dtype)) {
        check.stream = stream;
        check_layer_norm(check, dtype, stream);
        check_rms_norm(check, dtype, stream);
        check_add_norm(check, dtype, stream);
        check_embedding(check, dtype, stream);
        check_dropout(check, dtype, stream);
        twins.clear();
      }
      check.stream = dtype;
      check_activations(check, dtype);
      check_heads(check, dtype, sizes.columns % 2 == 0 ? 64 : 10);
      check_cross_entropy(check, dtype, sizes.columns % 2 == 0 ? 50304 : 101);
      check_elementwise(check, dtype);
      check_optimizer(check, dtype);
      twins.clear();
    }
    KernelCheck check{twins, sink, sizes, DType::f32};
    check_sums(check);
    twins.clear();
  }
}

}  // namespace weft::selftest
