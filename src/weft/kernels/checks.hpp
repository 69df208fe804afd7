#pragma once

#include <source_location>

#include "weft/kernels/context.hpp"
#include "weft/tensor/tensor.hpp"

namespace weft::kernels {

/// Throws Error{internal} unless `tensor` (called `name` in the message) has `shape` and `dtype`.
inline void check_tensor(const char* name, const ConstTensorView& tensor, const Shape& shape,
                         DType dtype = DType::f32,
                         std::source_location where = std::source_location::current()) {
  if (!tensor.empty() && tensor.dtype() == dtype && tensor.shape() == shape) [[likely]] {
    return;
  }
  throw Error(ErrorKind::internal,
              fmt::format("{} is {}{} of {}; expected {} of {}", name, to_string(tensor.shape()),
                          tensor.empty() ? " without memory" : "", weft::name(tensor.dtype()),
                          to_string(shape), weft::name(dtype)),
              {}, -1, where);
}

/// Throws Error{internal} unless `tensor` holds `size` elements of `dtype` in some shape.
inline void check_size(const char* name, const ConstTensorView& tensor, int64_t size,
                       DType dtype = DType::f32,
                       std::source_location where = std::source_location::current()) {
  if ((!tensor.empty() || size == 0) && tensor.dtype() == dtype && tensor.num_elements() == size)
      [[likely]] {
    return;
  }
  throw Error(ErrorKind::internal,
              fmt::format("{} holds {} elements{} of {}; expected {} of {}", name,
                          tensor.num_elements(), tensor.empty() ? " without memory" : "",
                          weft::name(tensor.dtype()), size, weft::name(dtype)),
              {}, -1, where);
}

/// Throws Error{internal} unless `tensor` is of a type that kernels compute with.
inline void check_element_type(const char* name, const ConstTensorView& tensor,
                               std::source_location where = std::source_location::current()) {
  const DType dtype = tensor.dtype();
  if (dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16) [[likely]] {
    return;
  }
  throw Error(ErrorKind::internal,
              fmt::format("{} is of {}; expected f32, bf16 or f16", name, weft::name(dtype)), {},
              -1, where);
}

/// Throws Error{internal} unless `tensor`, a part of the residual stream, is of `dtype`, or of f32
/// beside 16-bit elements of `dtype` (--fp32-residual-connection).
inline void check_stream_type(const char* name, const ConstTensorView& tensor, DType dtype,
                              std::source_location where = std::source_location::current()) {
  check_element_type(name, tensor, where);
  if (tensor.dtype() == dtype || tensor.dtype() == DType::f32) [[likely]] {
    return;
  }
  throw Error(ErrorKind::internal,
              fmt::format("{} is of {}; expected {} or f32", name, weft::name(tensor.dtype()),
                          weft::name(dtype)),
              {}, -1, where);
}

/// Throws Error{internal} unless the workspace holds at least `needed` bytes for `kernel`.
inline void check_workspace(const char* kernel, const Context& context, size_t needed,
                            std::source_location where = std::source_location::current()) {
  if (context.workspace.size() >= needed) [[likely]] {
    return;
  }
  throw Error(ErrorKind::internal,
              fmt::format("{} needs {} bytes of workspace; the context has {}", kernel, needed,
                          context.workspace.size()),
              {}, -1, where);
}

}  // namespace weft::kernels
