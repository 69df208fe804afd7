#include "weft/selftest/twins.hpp"

#include <cmath>
#include <cstring>
#include <exception>

#include "weft/kernels/elementwise.hpp"

namespace weft::selftest {

namespace {

constexpr size_t kWorkspaceBytes = size_t{256} << 20;

std::vector<double> values_of(ConstTensorView view) {
  std::vector<double> values(static_cast<size_t>(view.num_elements()));
  for (size_t i = 0; i < values.size(); ++i) {
    switch (view.dtype()) {
      case DType::f32:
        values[i] = double{view.data<float>()[i]};
        break;
      case DType::bf16:
        values[i] = double{to_float(view.data<BFloat16>()[i])};
        break;
      case DType::f16:
        values[i] = double{to_float(view.data<Float16>()[i])};
        break;
      case DType::f64:
        values[i] = view.data<double>()[i];
        break;
      case DType::i32:
        values[i] = static_cast<double>(view.data<int32_t>()[i]);
        break;
      case DType::i64:
        values[i] = static_cast<double>(view.data<int64_t>()[i]);
        break;
      case DType::u8:
        values[i] = static_cast<double>(view.data<uint8_t>()[i]);
        break;
    }
  }
  return values;
}

}  // namespace

Twins::Twins(const ComputeDevice& device)
    : device_(device),
      device_stream_(device.make_stream()),
      host_workspace_(kWorkspaceBytes),
      device_workspace_(kWorkspaceBytes, device_.memory()) {}

Twin& Twins::add(Shape shape, DType dtype) {
  twins_.push_back({Tensor(shape, dtype), Tensor(shape, dtype, device_.memory())});
  return twins_.back();
}

void Twins::upload(Twin& twin) const {
  const TensorView host = twin.host.view();
  device_stream_.upload(host.raw(), twin.device.view().raw(), host.size_bytes());
}

Twin& Twins::normal(Shape shape, DType dtype, float deviation, float mean) {
  Twin& twin = add(shape, dtype);
  const kernels::Context context{cpu_, {}};
  Tensor values(shape, DType::f32);
  kernels::fill_normal(context, philox::named_key(++drawn_, "selftest"), 0, mean, deviation,
                       values);
  kernels::convert(context, values, twin.host);
  upload(twin);
  return twin;
}

Twin& Twins::positive(Shape shape, DType dtype) {
  Twin& twin = add(shape, dtype);
  const kernels::Context context{cpu_, {}};
  Tensor values(shape, DType::f32);
  kernels::fill_uniform(context, philox::named_key(++drawn_, "selftest"), 0, 1.0F, 0.75F, values);
  kernels::convert(context, values, twin.host);
  upload(twin);
  return twin;
}

Twin& Twins::ids(Shape shape, int64_t limit) {
  Twin& twin = add(shape, DType::i64);
  Tensor values(shape, DType::f32);
  kernels::fill_uniform({cpu_, {}}, philox::named_key(++drawn_, "selftest"), 0, 0.5F, 0.5F, values);
  const auto ids = twin.host.span<int64_t>();
  for (size_t i = 0; i < ids.size(); ++i) {
    const double part = double{values.span<float>()[i]};
    ids[i] = std::min(limit - 1, static_cast<int64_t>(part * static_cast<double>(limit)));
  }
  upload(twin);
  return twin;
}

Twin& Twins::output(Shape shape, DType dtype) {
  Twin& twin = add(shape, dtype);
  std::memset(twin.host.view().raw(), 0xFF, twin.host.view().size_bytes());
  upload(twin);
  return twin;
}

Twin& Twins::zeros(Shape shape, DType dtype) { return add(shape, dtype); }

void Twins::run(const std::function<void(const Side&)>& body) {
  body({cpu_, {host_workspace_.data(), host_workspace_.size_bytes()}, false});
  run_on_device(body);
}

void Twins::run_on_device(const std::function<void(const Side&)>& body) {
  body({device_stream_, {device_workspace_.data(), device_workspace_.size_bytes()}, true});
  device_stream_.synchronize();
}

Tensor Twins::download(const Twin& twin) const {
  const ConstTensorView device = twin.device.view();
  Tensor values(device.shape(), device.dtype());
  device_stream_.download(device.raw(), values.view().raw(), device.size_bytes());
  return values;
}

double Twins::error(const Twin& twin) const {
  return relative_error(download(twin).view(), twin.host.view());
}

double tolerance_of(DType dtype) {
  switch (dtype) {
    case DType::bf16:
      return 3e-3;
    case DType::f16:
      return 4e-4;
    default:
      return 3e-6;
  }
}

double relative_error(ConstTensorView value, ConstTensorView expected) {
  const std::vector<double> values = values_of(value);
  const std::vector<double> wanted = values_of(expected);
  double difference = 0.0;
  double size = 0.0;
  for (size_t i = 0; i < values.size(); ++i) {
    difference += (values[i] - wanted[i]) * (values[i] - wanted[i]);
    size += wanted[i] * wanted[i];
  }
  if (size == 0.0) return std::sqrt(difference);
  return std::sqrt(difference / size);
}

void report_check(const ResultSink& sink, const std::string& group, const std::string& name,
                  double tolerance, const std::function<double()>& body) {
  CheckResult result{.group = group, .name = name, .tolerance = tolerance, .note = {}};
  try {
    result.error = body();
    result.passed = result.error <= tolerance;
  } catch (const std::exception& failure) {
    result.error = NAN;
    result.note = failure.what();
  }
  sink(result);
}

}  // namespace weft::selftest
