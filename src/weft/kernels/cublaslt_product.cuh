#pragma once

#include <cublasLt.h>

#include <memory>
#include <span>
#include <vector>

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

  /// Algorithms that cuBLASLt offers for these pointers' alignments and a workspace of that size,
  /// the likely fastest first; at most `most`, perhaps none. 16-bit results are rounded once.
  std::vector<cublasLtMatmulAlgo_t> algorithms(cublasLtHandle_t handle, size_t workspace_bytes,
                                               int most) const;
  /// Whether `algorithm`, perhaps of another run, can run the product in such a workspace.
  bool takes(cublasLtHandle_t handle, const cublasLtMatmulAlgo_t& algorithm,
             size_t workspace_bytes) const;
  /// Enqueues the product by `algorithm`, one of algorithms(). Returns what cuBLASLt says.
  cublasStatus_t run(cublasLtHandle_t handle, cudaStream_t stream,
                     const cublasLtMatmulAlgo_t& algorithm, const void* first, const void* second,
                     void* result, std::span<std::byte> workspace) const;

  /// The description, read back from cuBLASLt.
  ColumnProduct description() const;

 private:
  struct Objects;
  std::unique_ptr<Objects> objects_;
  float beta_;
};

}  // namespace weft::kernels
