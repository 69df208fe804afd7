#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reference/activation.hpp"
#include "weft/kernels/column_product.hpp"

// What a column-major library computes when it is asked for a ColumnProduct, in fp64 and in the
// words of its documentation: nothing here knows about rows.

namespace weft::reference {

/// The memory of a call, elements as stored.
struct ColumnOperands {
  std::vector<double> first = {};
  std::vector<double> second = {};
  std::vector<double> result = {};
  std::vector<double> bias = {};
  std::vector<double> aux = {};
};

inline size_t at(const kernels::ColumnMatrix& matrix, int64_t row, int64_t column) {
  return static_cast<size_t>(column * matrix.stride + row);
}

/// Elements between the first and the last one of `matrix`, inclusive.
inline size_t span_of(const kernels::ColumnMatrix& matrix) {
  return matrix.rows == 0 ? 0 : at(matrix, matrix.rows - 1, matrix.columns - 1) + 1;
}

inline double element(const kernels::ColumnMatrix& matrix, bool transpose,
                      const std::vector<double>& values, int64_t row, int64_t column) {
  return values.at(transpose ? at(matrix, column, row) : at(matrix, row, column));
}

inline void finish_element(const kernels::ColumnProduct& product, ColumnOperands& memory,
                           int64_t row, int64_t column, double sum) {
  using kernels::Epilogue;
  double& result = memory.result.at(at(product.result, row, column));
  const auto bias_row = static_cast<size_t>(row);
  switch (product.epilogue) {
    case Epilogue::none:
    case Epilogue::left_bias_sum:
      result = sum;
      return;
    case Epilogue::bias:
      result = sum + memory.bias.at(bias_row);
      return;
    case Epilogue::gelu_aux:
    case Epilogue::gelu_aux_bias: {
      const bool has_bias = product.epilogue == Epilogue::gelu_aux_bias;
      const double z = sum + (has_bias ? memory.bias.at(bias_row) : 0.0);
      memory.aux.at(at(product.aux, row, column)) = z;
      result = gelu_tanh(z);
      return;
    }
    case Epilogue::dgelu:
      result = sum * gelu_tanh_derivative(memory.aux.at(at(product.aux, row, column)));
      return;
    case Epilogue::dgelu_bias_sum:
      result = sum * gelu_tanh_derivative(memory.aux.at(at(product.aux, row, column)));
      memory.bias.at(bias_row) += result;
      return;
  }
}

/// The bias gradient of the second operand: its sum over k for each of the n columns.
inline void sum_second(const kernels::ColumnProduct& product, ColumnOperands& memory) {
  for (int64_t column = 0; column < product.n; ++column) {
    for (int64_t i = 0; i < product.k; ++i) {
      memory.bias.at(static_cast<size_t>(column)) +=
          element(product.second, product.transpose_second, memory.second, i, column);
    }
  }
}

inline void run_column_product(const kernels::ColumnProduct& product, ColumnOperands& memory) {
  if (product.bias.written) memory.bias.assign(static_cast<size_t>(product.bias.size), 0.0);
  if (product.epilogue == kernels::Epilogue::left_bias_sum) sum_second(product, memory);
  for (int64_t column = 0; column < product.n; ++column) {
    for (int64_t row = 0; row < product.m; ++row) {
      double sum = product.beta * memory.result.at(at(product.result, row, column));
      for (int64_t i = 0; i < product.k; ++i) {
        sum += element(product.first, product.transpose_first, memory.first, row, i) *
               element(product.second, product.transpose_second, memory.second, i, column);
      }
      finish_element(product, memory, row, column, sum);
    }
  }
}

}  // namespace weft::reference
