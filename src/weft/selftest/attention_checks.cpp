#include <fmt/format.h>

#include <cmath>
#include <vector>

#include "weft/kernels/attention.hpp"
#include "weft/selftest/checks.hpp"
#include "weft/selftest/twins.hpp"

namespace weft::selftest {

namespace {

/// 16-bit probabilities meet 16-bit values on a GPU, f32 ones on the CPU.
double attention_tolerance(DType dtype) {
  switch (dtype) {
    case DType::bf16:
      return 1e-2;
    case DType::f16:
      return 2e-3;
    default:
      return 1e-5;
  }
}

std::string text_of(const kernels::AttentionSpec& spec) {
  return fmt::format(" {} S{} B{} heads {}/{} size {}{}", name(spec.dtype), spec.sequence,
                     spec.microbatch, spec.heads, spec.groups, spec.head_dim,
                     spec.deterministic ? "" : ", free order");
}

/// First keys of three documents in each sample.
void set_starts(Twin& starts, const Stream& stream, int64_t sequence) {
  const auto values = starts.host.span<int64_t>();
  for (size_t i = 0; i < values.size(); ++i) {
    const int64_t query = static_cast<int64_t>(i) % sequence;
    values[i] = query / (sequence / 3 + 1) * (sequence / 3 + 1);
  }
  stream.upload(values.data(), starts.device.view().raw(), starts.host.view().size_bytes());
}

struct Extras {
  bool documents = false;
  double dropout = 0.0;
};

void check_case(Twins& twins, kernels::AttentionSpec spec, const Extras& extras,
                const ResultSink& sink) {
  spec.dropout = extras.dropout;
  const int64_t tokens = spec.sequence * spec.microbatch;
  Twin& qkv = twins.normal({tokens, spec.qkv_width()}, spec.dtype);
  Twin& dout = twins.normal({tokens, spec.out_width()}, spec.dtype);
  Twin& out = twins.output({tokens, spec.out_width()}, spec.dtype);
  Twin& lse = twins.output({spec.microbatch, spec.heads, spec.sequence}, DType::f32);
  Twin& dqkv = twins.output({tokens, spec.qkv_width()}, spec.dtype);
  Twin& samples = twins.ids({spec.microbatch}, 1000);
  Twin& starts = twins.zeros({spec.microbatch, spec.sequence}, DType::i64);
  if (extras.documents) set_starts(starts, twins.device_stream(), spec.sequence);
  const auto body = [&](const Twins::Side& side) {
    const kernels::AttentionPlan plan(side.context.stream, spec);
    const kernels::Dropout dropout =
        extras.dropout > 0.0 ? kernels::Dropout(extras.dropout, 1234, 2,
                                                kernels::DropoutSite::attention, side.ids(samples))
                             : kernels::Dropout();
    const ConstTensorView first_keys = extras.documents ? side(starts) : ConstTensorView();
    plan.forward(side.context, dropout, side(qkv), side(out), side(lse), first_keys);
    plan.backward(side.context, dropout, side(dout), side(qkv), side(out), side(lse), side(dqkv),
                  first_keys);
  };
  const std::string name =
      fmt::format("attention{}{}{}", text_of(spec), extras.documents ? ", documents" : "",
                  extras.dropout > 0.0 ? ", dropout" : "");
  report_check(sink, "attention", name, attention_tolerance(spec.dtype), [&] {
    twins.run(body);
    return std::max({twins.error(out), twins.error(dqkv), twins.error(lse)});
  });
  if (spec.deterministic) {
    report_check(sink, "attention", name + ", again", 0.0, [&] {
      const Tensor first = twins.download(dqkv);
      twins.run_on_device(body);
      return relative_error(twins.download(dqkv).view(), first.view());
    });
  }
  twins.clear();
}

/// What a library's own masks can be held to: rows of values that are all 1 stay near 1, and the
/// same call gives the same bits.
void check_library_dropout(Twins& twins, DType dtype, const ResultSink& sink) {
  const kernels::AttentionSpec spec{.sequence = 256,
                                    .microbatch = 2,
                                    .heads = 4,
                                    .groups = 4,
                                    .head_dim = 64,
                                    .dtype = dtype,
                                    .dropout = 0.1,
                                    .deterministic = true};
  const int64_t tokens = spec.sequence * spec.microbatch;
  Twin& qkv = twins.normal({tokens, spec.qkv_width()}, dtype, 0.0F, 1.0F);
  Twin& out = twins.output({tokens, spec.out_width()}, dtype);
  Twin& lse = twins.output({spec.microbatch, spec.heads, spec.sequence}, DType::f32);
  Twin& samples = twins.ids({spec.microbatch}, 1000);
  const auto run = [&] {
    twins.run_on_device([&](const Twins::Side& side) {
      const kernels::AttentionPlan plan(side.context.stream, spec);
      const kernels::Dropout dropout(0.1, 1234, 2, kernels::DropoutSite::attention,
                                     side.ids(samples));
      plan.forward(side.context, dropout, side(qkv), side(out), side(lse));
    });
    return twins.download(out);
  };
  report_check(sink, "attention", fmt::format("mean under dropout {}", name(dtype)), 0.02, [&] {
    const Tensor result = run();
    double sum = 0.0;
    for (int64_t i = 0; i < result.view().num_elements(); ++i) {
      sum += dtype == DType::bf16 ? double{to_float(result.view().data<BFloat16>()[i])}
                                  : double{to_float(result.view().data<Float16>()[i])};
    }
    return std::abs(sum / static_cast<double>(result.view().num_elements()) - 1.0);
  });
  report_check(sink, "attention", fmt::format("dropout {}, again", name(dtype)), 0.0, [&] {
    const Tensor first = run();
    return relative_error(run().view(), first.view());
  });
  twins.clear();
}

void check_cache(Twins& twins, DType dtype, const ResultSink& sink) {
  constexpr int64_t kHeads = 6;
  constexpr int64_t kGroups = 2;
  constexpr int64_t kHeadDim = 40;
  constexpr int64_t kCapacity = 70;
  const int64_t width = (kHeads + 2 * kGroups) * kHeadDim;
  Twin& keys = twins.zeros({kCapacity, kGroups, kHeadDim}, dtype);
  Twin& values = twins.zeros({kCapacity, kGroups, kHeadDim}, dtype);
  Twin& prompt = twins.normal({33, width}, dtype);
  Twin& next = twins.normal({1, width}, dtype);
  Twin& first_out = twins.output({33, kHeads * kHeadDim}, dtype);
  Twin& next_out = twins.output({1, kHeads * kHeadDim}, dtype);
  report_check(sink, "attention", fmt::format("attention_with_cache {}", name(dtype)),
               attention_tolerance(dtype), [&] {
                 twins.run([&](const Twins::Side& side) {
                   const kernels::KeyValueCache cache{side(keys), side(values)};
                   kernels::attention_with_cache(side.context, kHeads, kGroups, kHeadDim,
                                                 side(prompt), 0, cache, side(first_out));
                   kernels::attention_with_cache(side.context, kHeads, kGroups, kHeadDim,
                                                 side(next), 33, cache, side(next_out));
                 });
                 return std::max({twins.error(first_out), twins.error(next_out), twins.error(keys),
                                  twins.error(values)});
               });
  twins.clear();
}

}  // namespace

void check_attention(const ComputeDevice& device, const ResultSink& sink) {
  Twins twins(device);
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
    const auto spec = [dtype](int64_t sequence, int64_t heads, int64_t groups, int64_t head_dim,
                              bool deterministic) {
      return kernels::AttentionSpec{.sequence = sequence,
                                    .microbatch = 2,
                                    .heads = heads,
                                    .groups = groups,
                                    .head_dim = head_dim,
                                    .dtype = dtype,
                                    .deterministic = deterministic};
    };
    check_case(twins, spec(256, 4, 4, 64, true), {}, sink);
    check_case(twins, spec(256, 4, 4, 64, false), {}, sink);
    check_case(twins, spec(192, 8, 2, 128, true), {}, sink);
    check_case(twins, spec(192, 8, 2, 128, false), {}, sink);
    check_case(twins, spec(77, 3, 3, 20, true), {}, sink);
    check_case(twins, spec(130, 4, 2, 64, true), {.documents = true}, sink);
    check_cache(twins, dtype, sink);
    if (dtype == DType::f32) {
      check_case(twins, spec(96, 4, 2, 32, true), {.dropout = 0.1}, sink);
    } else if (device.is_gpu()) {
      check_library_dropout(twins, dtype, sink);
    }
  }
}

}  // namespace weft::selftest
