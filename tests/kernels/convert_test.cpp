// convert (weft/kernels/elementwise.hpp), and with it how every kernel reads and rounds elements.
#include <gtest/gtest.h>

#include <bit>

#include "support/kernel_variants.hpp"
#include "weft/kernels/elementwise.hpp"

namespace weft::kernels {
namespace {

using namespace weft::testing;  // NOLINT(google-build-using-namespace)

/// Every bit pattern of a 16-bit type.
Tensor all_numbers(DType dtype) {
  Tensor x({0x10000}, dtype);
  auto* bits = static_cast<uint16_t*>(x.view().raw());
  for (uint32_t i = 0; i < 0x10000; ++i) bits[i] = static_cast<uint16_t>(i);
  return x;
}

/// Floats of all exponents: random bits, and the neighbours of everything that is a tie, or the end
/// of a range, in one of the 16-bit types.
Tensor many_floats() {
  std::vector<float> values;
  std::mt19937 generator(1);
  for (int i = 0; i < 200000; ++i)
    values.push_back(std::bit_cast<float>(static_cast<uint32_t>(generator())));
  for (uint32_t upper = 0; upper < 0x10000; upper += 3) {
    for (const uint32_t lower : {0u, 0x0fffu, 0x1000u, 0x1001u, 0x7fffu, 0x8000u, 0x8001u}) {
      values.push_back(std::bit_cast<float>((upper << 16) + lower));
    }
  }
  // Around the largest f16, where it becomes infinite, its smallest normal number and its end.
  for (const uint32_t start : {0x477fe000u, 0x477ff000u, 0x38800000u, 0x33000000u, 0x7f800000u}) {
    for (uint32_t bits = start - 50; bits < start + 50; ++bits) {
      values.push_back(std::bit_cast<float>(bits));
      values.push_back(std::bit_cast<float>(bits | 0x80000000u));
    }
  }
  return tensor_of({static_cast<int64_t>(values.size())}, values);
}

TEST(Convert, GivesTheBitsOfTheScalarConversions) {
  std::vector<Tensor> sources;
  sources.push_back(many_floats());
  sources.push_back(all_numbers(DType::bf16));
  sources.push_back(all_numbers(DType::f16));
  for (const Tensor& x : sources) {
    std::vector<Tensor> expected;
    for (const DType to : element_types()) {
      expected.push_back(to == x.dtype() ? copy_of(x) : as_type(to, x));
    }
    for (const InstructionSet set : instruction_sets()) {
      Stream stream({}, set);
      for (const Tensor& target : expected) {
        Tensor y(x.shape(), target.dtype());
        convert({stream, {}}, x, y);
        expect_same_bits(std::string(name(x.dtype())) + " to " + std::string(name(y.dtype())), y,
                         target);
      }
    }
  }
}

TEST(Convert, TakesOddSizes) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    for (const int64_t size : {1, 3, 15, 17, 31, 33, 63, 65, 40001}) {
      const Tensor x = random_tensor({size}, 1);
      Tensor y = variant.unwritten({size + 1});
      const TensorView converted(y.view().raw(), variant.dtype, {size});
      convert({stream, {}}, x, converted);
      expect_same_bits("y", converted, as_type(variant.dtype, x));
      EXPECT_TRUE(std::isnan(element_of(y, static_cast<size_t>(size)))) << "beyond the end";
    }
  });
}

TEST(ConvertRows, TakesTheFirstColumnsOfEveryRow) {
  for_each_variant([](const KernelVariant& variant) {
    Stream stream = variant.stream();
    const Tensor x = variant.random({5, 40}, 1);
    for (const DType to : element_types()) {
      Tensor y = filled_tensor({5, 19}, NAN, to);
      convert_rows({stream, {}}, x, 40, y);
      for (size_t i = 0; i < 5 * 19; ++i) {
        Tensor expected = filled_tensor({1}, element_of(x, i / 19 * 40 + i % 19), to);
        ASSERT_EQ(element_of(y, i), element_of(expected, 0)) << name(to) << " " << i;
      }
    }
  });
}

}  // namespace
}  // namespace weft::kernels
