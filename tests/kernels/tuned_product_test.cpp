#include "weft/kernels/tuned_product.hpp"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace weft::kernels {
namespace {

constexpr TunedProduct::Algorithm kAlgorithm = {
    0, 1, 0x0123456789abcdef, ~uint64_t{0}, 0x8000000000000000, 5, 6, 7};

TEST(TunedProduct, IsReadBackAsWritten) {
  for (const TunedProduct& tuned :
       {TunedProduct{.milliseconds = 1.0F / 3.0F, .algorithm = kAlgorithm},
        TunedProduct{.milliseconds = 1e-7F, .algorithm = TunedProduct::Algorithm{}},
        TunedProduct{.milliseconds = 2.5F, .algorithm = std::nullopt}}) {
    EXPECT_EQ(parse_tuned_product(text_of(tuned)), tuned) << text_of(tuned);
  }
}

TEST(TunedProduct, DamagedTextIsNone) {
  const std::string text = text_of({.milliseconds = 0.25F, .algorithm = kAlgorithm});
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(parse_tuned_product(text.substr(0, size)), std::nullopt) << size;
  }
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = '?';
    EXPECT_EQ(parse_tuned_product(damaged), std::nullopt) << damaged;
  }
  for (const char* const wrong : {"", "separate\n", "-1 separate\n", "nan separate\n",
                                  "inf separate\n", "1 separate", "1 separate\n\n"}) {
    EXPECT_EQ(parse_tuned_product(wrong), std::nullopt) << wrong;
  }
  EXPECT_EQ(parse_tuned_product(text + "\n"), std::nullopt);
}

TEST(TunedProduct, EveryProductOfALayerHasAKeyOfItsOwn) {
  std::vector<std::string> keys;
  for (const DType dtype : {DType::f32, DType::bf16, DType::f16}) {
    const GemmSpec forward = linear_forward_spec(48, 64, 80, dtype);
    for (const Epilogue epilogue :
         {Epilogue::none, Epilogue::bias, Epilogue::gelu_aux, Epilogue::gelu_aux_bias}) {
      keys.push_back(key_of(column_product(forward, epilogue), Epilogue::none));
    }
    keys.push_back(key_of(column_product(forward, Epilogue::gelu_aux_bias), Epilogue::bias));
    for (const bool accumulate : {false, true}) {
      const GemmSpec input = linear_input_gradient_spec(48, 64, 80, dtype, accumulate);
      keys.push_back(key_of(column_product(input), Epilogue::none));
      GemmSpec piece = input;
      piece.k = 40;
      piece.a_stride = 80;
      keys.push_back(key_of(column_product(piece), Epilogue::none));
      const GemmSpec weight = linear_weight_gradient_spec(48, 64, 80, dtype, accumulate);
      keys.push_back(key_of(column_product(weight), Epilogue::none));
      keys.push_back(key_of(column_product(weight, Epilogue::left_bias_sum), Epilogue::none));
    }
  }
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()).size(), keys.size());
  for (const std::string& key : keys) EXPECT_EQ(key.find('\n'), std::string::npos) << key;
}

TEST(TunedProduct, KernelsInAnEpiloguesPlaceMoveTheirTensorsOnce) {
  const auto bytes = [](const GemmSpec& spec, Epilogue epilogue) {
    return separate_bytes(column_product(spec, epilogue));
  };
  const GemmSpec forward = linear_forward_spec(48, 64, 80, DType::bf16);
  EXPECT_EQ(bytes(forward, Epilogue::gelu_aux_bias), 2 * 48 * 80 * 2);
  EXPECT_EQ(bytes(forward, Epilogue::bias), 0);
  const GemmSpec input = linear_input_gradient_spec(48, 64, 80, DType::bf16, false);
  EXPECT_EQ(bytes(input, Epilogue::dgelu), 3 * 48 * 64 * 2);
  EXPECT_EQ(bytes(input, Epilogue::dgelu_bias_sum), 4 * 48 * 64 * 2);
  const GemmSpec weight = linear_weight_gradient_spec(48, 64, 80, DType::bf16, true);
  EXPECT_EQ(bytes(weight, Epilogue::left_bias_sum), 48 * 80 * 2);
}

}  // namespace
}  // namespace weft::kernels
