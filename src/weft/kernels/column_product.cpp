#include "weft/kernels/column_product.hpp"

#include "weft/base/error.hpp"

namespace weft::kernels {

namespace {

bool is_element_type(DType dtype) {
  return dtype == DType::f32 || dtype == DType::bf16 || dtype == DType::f16;
}

void check_spec(const GemmSpec& spec, Epilogue epilogue) {
  check(spec.m > 0 && spec.n > 0 && spec.k > 0, ErrorKind::internal,
        "a product of {} x {} x {} has no elements", spec.m, spec.k, spec.n);
  check(is_element_type(spec.dtype) && (spec.c_dtype == spec.dtype || spec.c_dtype == DType::f32),
        ErrorKind::internal, "no product of {} gives {}", name(spec.dtype), name(spec.c_dtype));
  check(!has_aux(epilogue) || spec.n % kAuxStep == 0, ErrorKind::internal,
        "the rows beside GELU have {} elements, no multiple of {}", spec.n, kAuxStep);
  check(!has_aux(epilogue) || !spec.accumulate, ErrorKind::internal,
        "GELU of an accumulated product");
  check(epilogue != Epilogue::left_bias_sum || spec.transpose_a, ErrorKind::internal,
        "only a weight gradient's left operand sums to a bias gradient");
}

EpilogueVector bias_of(const GemmSpec& spec, Epilogue epilogue) {
  if (!adds_bias(epilogue) && !sums_bias(epilogue)) return {};
  return {.size = epilogue == Epilogue::left_bias_sum ? spec.m : spec.n,
          .dtype = spec.c_dtype,
          .written = sums_bias(epilogue)};
}

}  // namespace

ColumnProduct column_product(const GemmSpec& spec, Epilogue epilogue) {
  check_spec(spec, epilogue);
  ColumnProduct product;
  product.m = spec.n;
  product.n = spec.m;
  product.k = spec.k;
  // A transposed row-major B is stored [N, K]: column-major [K, N], which is transposed to m x k.
  product.transpose_first = spec.transpose_b;
  product.first = spec.transpose_b ? ColumnMatrix{spec.k, spec.n, spec.k, spec.dtype}
                                   : ColumnMatrix{spec.n, spec.k, spec.n, spec.dtype};
  product.transpose_second = spec.transpose_a;
  product.second = spec.transpose_a ? ColumnMatrix{spec.m, spec.k, spec.a_row(), spec.dtype}
                                    : ColumnMatrix{spec.k, spec.m, spec.a_row(), spec.dtype};
  product.result = {spec.n, spec.m, spec.n, spec.c_dtype};
  product.beta = spec.accumulate ? 1.0F : 0.0F;
  product.epilogue = epilogue;
  product.bias = bias_of(spec, epilogue);
  if (has_aux(epilogue)) product.aux = product.result;
  return product;
}

ColumnProduct column_product(const GemmSpec& spec) {
  return column_product(spec, spec.bias ? Epilogue::bias : Epilogue::none);
}

GemmSpec linear_forward_spec(int64_t tokens, int64_t in, int64_t out, DType dtype) {
  return {.m = tokens, .n = out, .k = in, .transpose_b = true, .dtype = dtype, .c_dtype = dtype};
}

GemmSpec linear_input_gradient_spec(int64_t tokens, int64_t in, int64_t out, DType dtype,
                                    bool accumulate) {
  return {
      .m = tokens, .n = in, .k = out, .accumulate = accumulate, .dtype = dtype, .c_dtype = dtype};
}

GemmSpec linear_weight_gradient_spec(int64_t tokens, int64_t in, int64_t out, DType dtype,
                                     bool accumulate) {
  return {.m = out,
          .n = in,
          .k = tokens,
          .transpose_a = true,
          .accumulate = accumulate,
          .dtype = dtype,
          .c_dtype = DType::f32};
}

int64_t column_alignment(const ColumnMatrix& matrix) {
  const int64_t bytes = matrix.stride * static_cast<int64_t>(size_of(matrix.dtype));
  int64_t alignment = 16;
  while (bytes % alignment != 0) alignment /= 2;
  return alignment;
}

}  // namespace weft::kernels
