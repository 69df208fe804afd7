#include "weft/model/parameter.hpp"

#include <algorithm>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/base/philox.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/tensor/arena.hpp"

namespace weft::model {

ParameterSizes slab_sizes(const std::vector<Parameter>& parameters, DType dtype) {
  Arena mains;
  Arena values;
  for (const Parameter& parameter : parameters) {
    mains.take(parameter.shape);
    if (dtype != DType::f32) values.take(parameter.shape, dtype);
  }
  return {.value_bytes = values.used_bytes(),
          .main_bytes = mains.used_bytes(),
          .count = parameters.size()};
}

ParameterSet::ParameterSet(std::vector<Parameter> parameters, DType dtype, MemoryResource& memory,
                           Stream stream)
    : parameters_(std::move(parameters)), stream_(std::move(stream)) {
  const ParameterSizes sizes = slab_sizes(parameters_, dtype);
  mains_ = Buffer(sizes.main_bytes, memory);
  grads_ = Buffer(sizes.main_bytes, memory);
  if (sizes.value_bytes > 0) values_ = Buffer(sizes.value_bytes, memory);
  Arena values(values_.data(), values_.size_bytes());
  Arena mains(mains_.data(), mains_.size_bytes());
  Arena grads(grads_.data(), grads_.size_bytes());
  for (Parameter& parameter : parameters_) {
    parameter.main = mains.take(parameter.shape);
    parameter.grad = grads.take(parameter.shape);
    parameter.value = dtype == DType::f32 ? parameter.main : values.take(parameter.shape, dtype);
  }
}

Parameter* ParameterSet::find(const std::string& name) {
  const auto found = std::ranges::find(parameters_, name, &Parameter::name);
  return found == parameters_.end() ? nullptr : &*found;
}

Parameter& ParameterSet::at(const std::string& name) {
  Parameter* found = find(name);
  check(found != nullptr, ErrorKind::internal, "no parameter is called {}", name);
  return *found;
}

int64_t ParameterSet::num_elements() const {
  int64_t total = 0;
  for (const Parameter& parameter : parameters_) total += parameter.shape.num_elements();
  return total;
}

void ParameterSet::initialize(uint64_t seed) {
  const kernels::Context context{stream_, {}};
  for (const Parameter& parameter : parameters_) {
    const philox::Key key = philox::named_key(seed, parameter.name);
    if (parameter.init_bound > 0.0F) {
      kernels::fill_uniform(context, key, 0, parameter.init_mean, parameter.init_bound,
                            parameter.main);
    } else {
      kernels::fill_normal(context, key, 0, parameter.init_mean, parameter.init_deviation,
                           parameter.main);
    }
  }
  round_values();
}

void ParameterSet::initialize_means() {
  const kernels::Context context{stream_, {}};
  for (const Parameter& parameter : parameters_) {
    kernels::fill_uniform(context, {}, 0, parameter.init_mean, 0.0F, parameter.main);
  }
  round_values();
}

void ParameterSet::round_values() {
  if (values_.size_bytes() == 0) return;
  const kernels::Context context{stream_, {}};
  for (const Parameter& parameter : parameters_) {
    kernels::convert(context, parameter.main, parameter.value);
  }
}

void ParameterSet::start_gradients() {
  const kernels::Context context{stream_, {}};
  for (Parameter& parameter : parameters_) {
    parameter.grad_is_stale = parameter.write_first;
    if (!parameter.write_first) kernels::fill_zero(context, parameter.grad);
  }
}

void ParameterSet::finish_gradients() {
  const kernels::Context context{stream_, {}};
  for (Parameter& parameter : parameters_) {
    if (std::exchange(parameter.grad_is_stale, false)) {
      kernels::fill_zero(context, parameter.grad);
    }
  }
}

}  // namespace weft::model
