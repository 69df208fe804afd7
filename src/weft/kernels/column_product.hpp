#pragma once

#include <cstdint>

#include "weft/kernels/gemm.hpp"

// What a matrix product is to a library whose matrices are column-major (cuBLASLt). A row-major
// [R, C] buffer is a column-major [C, R] one, so a row-major C_MN = A_MK B_KN is asked for as
// C^T = B^T A^T: the library's first operand is our B, its rows are our columns
// (reference/cuda.md 2.1). The values here are all that a call needs besides pointers; tests run
// them through a column-major product in fp64.

namespace weft::kernels {

/// A stored column-major matrix: element (r, c) lies at c * stride + r.
struct ColumnMatrix {
  int64_t rows = 0;
  int64_t columns = 0;
  int64_t stride = 0;  ///< elements between columns
  DType dtype = DType::f32;

  friend bool operator==(const ColumnMatrix&, const ColumnMatrix&) = default;
};

/// A vector that an epilogue reads or writes; of no elements without one.
struct EpilogueVector {
  int64_t size = 0;
  DType dtype = DType::f32;
  bool written = false;  ///< overwritten, never added to

  friend bool operator==(const EpilogueVector&, const EpilogueVector&) = default;
};

/// result_mn = epilogue(op(first)_mk op(second)_kn + beta result_mn), sums in f32. `first` is the
/// row-major product's B (the weights of forward), `second` its A.
struct ColumnProduct {
  int64_t m = 0;  ///< N of the row-major product
  int64_t n = 0;  ///< M
  int64_t k = 0;
  bool transpose_first = false;
  bool transpose_second = false;
  ColumnMatrix first;
  ColumnMatrix second;
  ColumnMatrix result;
  float beta = 0.0F;
  Epilogue epilogue = Epilogue::none;
  EpilogueVector bias;
  ColumnMatrix aux;  ///< what `gelu_aux*` writes and `dgelu*` read; of no rows without them

  friend bool operator==(const ColumnProduct&, const ColumnProduct&) = default;
};

/// How a column-major library is asked for `spec` with `epilogue`, which replaces GemmSpec::bias.
/// Throws Error{internal} for types and epilogues that do not go together: products of f32, bf16 or
/// f16 into the same type or f32; aux rows in multiples of 8 elements; GELU and bias sums never
/// with an accumulated result, except a weight gradient's bias sum.
ColumnProduct column_product(const GemmSpec& spec, Epilogue epilogue);

/// As above with the epilogue that GemmSpec::bias asks for.
ColumnProduct column_product(const GemmSpec& spec);

/// y_TO = x_TI w_OI^T, a layer's forward product and that of the logits.
GemmSpec linear_forward_spec(int64_t tokens, int64_t in, int64_t out, DType dtype);
/// dx_TI = dy_TO w_OI; `accumulate` adds to dx.
GemmSpec linear_input_gradient_spec(int64_t tokens, int64_t in, int64_t out, DType dtype,
                                    bool accumulate);
/// dw_OI = dy_TO^T x_TI in f32; `accumulate` adds to dw, as every microbatch but the first does.
GemmSpec linear_weight_gradient_spec(int64_t tokens, int64_t in, int64_t out, DType dtype,
                                     bool accumulate);

/// The largest power of two, at most 16 bytes, that divides every column's start when the matrix
/// starts at a multiple of 16: what a library may assume when it chooses its loads.
int64_t column_alignment(const ColumnMatrix& matrix);

}  // namespace weft::kernels
