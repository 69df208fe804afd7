#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "support/tensor_near.hpp"
#include "support/test_tensors.hpp"
#include "support/thread_counts.hpp"
#include "weft/device/stream.hpp"

namespace weft::testing {

/// One of the forms in which a kernel exists: what its elements are and what it is compiled for.
struct KernelVariant {
  DType dtype = DType::f32;
  InstructionSet set = InstructionSet::v3;

  Stream stream() const { return Stream({}, set); }
  /// Numbers of order `scale` around `centre`, rounded to the variant's type.
  Tensor random(Shape shape, uint32_t seed, double scale = 1.0, double centre = 0.0) const {
    return as_type(dtype, random_tensor(shape, seed, scale, centre));
  }
  /// What a kernel must overwrite: NaN everywhere.
  Tensor unwritten(Shape shape) const { return filled_tensor(shape, NAN, dtype); }
  /// The row of the tolerance table, its absolute part multiplied.
  Tolerance tolerance(double magnitude = 1.0) const {
    return scaled(tolerance_of(dtype), magnitude);
  }
};

inline const std::vector<DType>& element_types() {
  static const std::vector<DType> types = {DType::f32, DType::bf16, DType::f16};
  return types;
}

/// The sets that this processor runs; a test of its own reports when one is missing.
inline std::vector<InstructionSet> instruction_sets() {
  if (best_instruction_set() == InstructionSet::v3) return {InstructionSet::v3};
  return {InstructionSet::v3, InstructionSet::v4};
}

/// Calls body(variant) for every element type and every instruction set of this processor, on one
/// thread: on a busy machine teams for small tensors take longer than the work, and
/// expect_same_bits_everywhere shows that they change nothing.
template <typename Body>
void for_each_variant(const Body& body) {
  const ThreadCount one(1);
  for (const InstructionSet set : instruction_sets()) {
    for (const DType dtype : element_types()) {
      SCOPED_TRACE(std::string(name(dtype)) + " on " + std::string(name(set)));
      body(KernelVariant{dtype, set});
    }
  }
}

/// Expects `run(variant)` (a vector of tensors) to give the same bits on every instruction set and
/// on 1, 2, 3 and 4 threads.
template <typename Run>
void expect_same_bits_everywhere(const Run& run) {
  for (const DType dtype : element_types()) {
    std::vector<Tensor> first;
    for (const InstructionSet set : instruction_sets()) {
      for (const int count : {1, 2, 3, 4}) {
        const ThreadCount threads(count);
        std::vector<Tensor> results = run(KernelVariant{dtype, set});
        if (first.empty()) first = std::move(results);
        for (size_t i = 0; i < results.size(); ++i) {
          expect_same_bits("result " + std::to_string(i) + " in " + std::string(name(dtype)) +
                               " on " + std::string(name(set)) + " with " + std::to_string(count) +
                               " threads",
                           results[i], first[i]);
        }
      }
    }
  }
}

}  // namespace weft::testing
