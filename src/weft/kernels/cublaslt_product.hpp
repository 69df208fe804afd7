#pragma once

#include <memory>

#include "weft/kernels/column_product.hpp"

namespace weft::kernels {

/// A ColumnProduct as cuBLASLt's descriptors: what its heuristics and its products take. Making one
/// needs no GPU. Belongs to the thread that uses it, since runs set its pointers.
class CublasLtProduct {
 public:
  /// Throws Error{device} when cuBLASLt does not take the description.
  explicit CublasLtProduct(const ColumnProduct& product);
  ~CublasLtProduct();
  CublasLtProduct(CublasLtProduct&&) noexcept;
  CublasLtProduct& operator=(CublasLtProduct&&) noexcept;

  /// Sets what the epilogue reads or writes; null without it. cuBLASLt chooses an algorithm by the
  /// alignment of these, so they are set before it is asked for one.
  void set_pointers(const void* bias, const void* aux);

  /// The description, read back from cuBLASLt.
  ColumnProduct description() const;

 private:
  struct Objects;
  std::unique_ptr<Objects> objects_;
  float beta_;
};

}  // namespace weft::kernels
