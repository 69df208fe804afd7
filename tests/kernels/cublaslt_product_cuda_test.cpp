// cuBLASLt takes the description of every product and epilogue, and gives it back unchanged.
#include "weft/kernels/cublaslt_product.cuh"

#include <gtest/gtest.h>

#include <vector>

namespace weft::kernels {
namespace {

struct Key {
  GemmSpec spec;
  Epilogue epilogue;
};

/// Every product of a layer of 48 tokens, 64 inputs and 80 outputs in `dtype`.
std::vector<Key> keys_of(DType dtype) {
  constexpr int64_t kTokens = 48;
  constexpr int64_t kIn = 64;
  constexpr int64_t kOut = 80;
  std::vector<Key> keys;
  const GemmSpec forward = linear_forward_spec(kTokens, kIn, kOut, dtype);
  for (const Epilogue epilogue :
       {Epilogue::none, Epilogue::bias, Epilogue::gelu_aux, Epilogue::gelu_aux_bias}) {
    keys.push_back({forward, epilogue});
  }
  for (const bool accumulate : {false, true}) {
    GemmSpec input = linear_input_gradient_spec(kTokens, kIn, kOut, dtype, accumulate);
    keys.push_back({input, Epilogue::none});
    if (!accumulate) {
      keys.push_back({input, Epilogue::dgelu});
      keys.push_back({input, Epilogue::dgelu_bias_sum});
    }
    input.k = kOut / 2;
    input.a_stride = kOut;
    input.c_dtype = DType::f32;
    keys.push_back({input, Epilogue::none});
    const GemmSpec weight = linear_weight_gradient_spec(kTokens, kIn, kOut, dtype, accumulate);
    keys.push_back({weight, Epilogue::none});
    keys.push_back({weight, Epilogue::left_bias_sum});
  }
  return keys;
}

TEST(CublasLtProduct, TakesEveryProductOfALayer) {
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
    for (const Key& key : keys_of(dtype)) {
      const ColumnProduct product = column_product(key.spec, key.epilogue);
      const CublasLtProduct taken(product);
      EXPECT_EQ(taken.description(), product)
          << name(dtype) << " epilogue " << static_cast<int>(key.epilogue) << " m " << product.m;
    }
  }
}

TEST(CublasLtProduct, TakesPointersOfItsEpilogue) {
  CublasLtProduct product(
      column_product(linear_forward_spec(48, 64, 80, DType::bf16), Epilogue::gelu_aux_bias));
  alignas(16) char memory[32] = {};
  EXPECT_NO_THROW(product.set_pointers(memory, memory + 16));
  EXPECT_NO_THROW(product.set_pointers(nullptr, nullptr));
}

}  // namespace
}  // namespace weft::kernels
