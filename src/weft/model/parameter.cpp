#include "weft/model/parameter.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "weft/base/error.hpp"
#include "weft/base/philox.hpp"
#include "weft/kernels/elementwise.hpp"
#include "weft/tensor/arena.hpp"

namespace weft::model {

ParameterSet::ParameterSet(std::vector<Parameter> parameters) : parameters_(std::move(parameters)) {
  Arena plan;
  for (const Parameter& parameter : parameters_) plan.take(parameter.shape);
  values_ = Buffer(plan.used_bytes());
  grads_ = Buffer(plan.used_bytes());
  Arena values(values_.data(), values_.size_bytes());
  Arena grads(grads_.data(), grads_.size_bytes());
  for (Parameter& parameter : parameters_) {
    parameter.value = values.take(parameter.shape);
    parameter.grad = grads.take(parameter.shape);
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
  Stream stream;
  const kernels::Context context{stream, {}};
  for (const Parameter& parameter : parameters_) {
    kernels::fill_normal(context, philox::named_key(seed, parameter.name), 0, parameter.init_mean,
                         parameter.init_deviation, parameter.value);
  }
}

void ParameterSet::zero_gradients() { std::memset(grads_.data(), 0, grads_.size_bytes()); }

}  // namespace weft::model
