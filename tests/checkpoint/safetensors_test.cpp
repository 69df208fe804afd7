#include "weft/checkpoint/safetensors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "support/temp_dir.hpp"

namespace weft::checkpoint {
namespace {

using testing::TempDir;

/// A file with this header text and `data_bytes` zero bytes of data.
std::string file_text(const std::string& header, size_t data_bytes) {
  std::string text(8, '\0');
  const uint64_t length = header.size();
  std::memcpy(text.data(), &length, 8);
  return text + header + std::string(data_bytes, '\0');
}

std::string bytes_of(ConstTensorView view) {
  return {static_cast<const char*>(view.raw()), view.size_bytes()};
}

TEST(Safetensors, ReadsBackEveryTypeBitForBit) {
  const TempDir dir;
  Tensor floats({2, 3}, DType::f32);
  floats.span<float>()[0] = -0.0F;
  floats.span<float>()[1] = std::numeric_limits<float>::denorm_min();
  floats.span<float>()[2] = std::numeric_limits<float>::quiet_NaN();
  Tensor ints({3}, DType::i32);
  ints.span<int32_t>()[2] = -7;
  Tensor longs({1, 1, 2}, DType::i64);
  longs.span<int64_t>()[1] = std::numeric_limits<int64_t>::min();
  Tensor scalar({}, DType::f32);
  scalar.span<float>()[0] = 2.5F;
  Tensor nothing({0, 4}, DType::f32);
  const std::vector<NamedTensor> tensors = {{"floats", floats.view()},
                                            {"ints", ints.view()},
                                            {"longs", longs.view()},
                                            {"scalar", scalar.view()},
                                            {"nothing", nothing.view()}};
  write_safetensors(dir / "x.safetensors", tensors, {{"format", "pt"}});

  const SafetensorsFile file(dir / "x.safetensors");
  EXPECT_EQ(file.metadata(), (Metadata{{"format", "pt"}}));
  EXPECT_EQ(file.tensors().size(), 5U);
  for (const NamedTensor& tensor : tensors) {
    Tensor copy(tensor.value.shape(), tensor.value.dtype());
    file.read(tensor.name, copy);
    EXPECT_EQ(bytes_of(copy.view()), bytes_of(tensor.value)) << tensor.name;
  }
}

TEST(Safetensors, WritesTheDocumentedBytes) {
  const TempDir dir;
  Tensor x({2}, DType::f32);
  x.span<float>()[0] = 1.0F;
  x.span<float>()[1] = -2.0F;
  write_safetensors(dir / "x", std::vector<NamedTensor>{{"x", x.view()}}, {});
  std::string header =
      R"({"__metadata__":{},"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})";
  header.append((8 - header.size() % 8) % 8, ' ');
  std::string expected = file_text(header, 0);
  expected.append(std::string("\x00\x00\x80\x3f\x00\x00\x00\xc0", 8));
  EXPECT_EQ(testing::read_file(dir / "x"), expected);
}

TEST(Safetensors, ReadsHeadersOfOtherWriters) {
  const TempDir dir;
  testing::write_file(
      dir / "x", file_text(R"({"b":{"shape":[2],"data_offsets":[4,12],"dtype":"I32"},)"
                           R"("a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"extra":1}}  )",
                           12));
  const SafetensorsFile file(dir / "x");
  EXPECT_TRUE(file.metadata().empty());
  EXPECT_EQ(file.tensors().at("b").shape, std::vector<int64_t>{2});
  EXPECT_TRUE(file.tensors().at("a").shape.empty());
}

/// Opens the file with that content and returns the error's text.
std::string error_of(const std::string& content) {
  const TempDir dir;
  testing::write_file(dir / "hostile", content);
  try {
    const SafetensorsFile file(dir / "hostile");
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::checkpoint);
    EXPECT_NE(std::string(error.what()).find("hostile"), std::string::npos) << error.what();
    return error.what();
  }
  return "accepted";
}

struct Hostile {
  const char* header;
  size_t data_bytes;
  const char* complaint;
};

TEST(Safetensors, RefusesHeadersThatDoNotFit) {
  const Hostile cases[] = {
      {R"([1])", 0, "not a JSON object"},
      {R"({"x":)", 0, "not JSON"},
      {R"({"x":[[[[[1]]]]]})", 0, "nested deeper"},
      {"{\"\xff\":1}", 0, "not JSON"},
      {R"({"x":1})", 0, "no list"},
      {R"({"x":{"dtype":"F32","data_offsets":[0,0]}})", 0, "no list \"shape\""},
      {R"({"x":{"dtype":"F32","shape":4,"data_offsets":[0,16]}})", 16, "no list \"shape\""},
      {R"({"x":{"dtype":"F32","shape":[4]}})", 16, "no list \"data_offsets\""},
      {R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0]}})", 16, "data_offsets [0]"},
      {R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0,16,16]}})", 16, "data_offsets"},
      {R"({"x":{"shape":[4],"data_offsets":[0,16]}})", 16, "dtype null"},
      {R"({"x":{"dtype":7,"shape":[4],"data_offsets":[0,16]}})", 16, "dtype 7"},
      {R"({"x":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]}})", 8, "dtype \"BF16\""},
      {R"({"x":{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}})", 16, "-4"},
      {R"({"x":{"dtype":"F32","shape":[4.0],"data_offsets":[0,16]}})", 16, "4.0"},
      {R"({"x":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,16]}})", 16,
       "whole numbers"},
      {R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0,18446744073709551615]}})", 16,
       "whole numbers"},
      {R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[0,17]}})", 16, "expected begin <= end"},
      {R"({"x":{"dtype":"F32","shape":[4],"data_offsets":[16,0]}})", 16, "expected begin <= end"},
      {R"({"x":{"dtype":"F32","shape":[3],"data_offsets":[0,16]}})", 16, "16 bytes of data"},
      {R"({"x":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 0,
       "0 bytes of data"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})", 8, "starts at byte 4"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 8, "belong to no tensor"},
      {R"({"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("y":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
       12, "starts at byte 4"},
      {R"({"x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
       R"("y":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
       12, "starts at byte 8"},
      {R"({"__metadata__":3})", 0, "__metadata__"},
      {R"({"__metadata__":{"a":3}})", 0, "expected text"},
  };
  for (const Hostile& hostile : cases) {
    const std::string error = error_of(file_text(hostile.header, hostile.data_bytes));
    EXPECT_NE(error.find(hostile.complaint), std::string::npos)
        << hostile.header << " gives: " << error;
  }
}

TEST(Safetensors, RefusesAbsurdLengths) {
  EXPECT_NE(error_of("").find("0 bytes"), std::string::npos);
  EXPECT_NE(error_of("1234567").find("7 bytes"), std::string::npos);
  EXPECT_NE(error_of(std::string(8, '\xff') + "{}").find("18446744073709551615"),
            std::string::npos);
  EXPECT_NE(error_of(std::string("\x03\0\0\0\0\0\0\0{}", 10)).find("3 bytes; expected at most 2"),
            std::string::npos);
}

TEST(Safetensors, RefusesEveryTruncation) {
  const TempDir dir;
  Tensor x({3, 5}, DType::f32);
  write_safetensors(dir / "x", std::vector<NamedTensor>{{"x", x.view()}}, {});
  const std::string whole = testing::read_file(dir / "x");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_NE(error_of(whole.substr(0, size)), "accepted") << size << " bytes";
  }
  EXPECT_NE(error_of(whole + "x"), "accepted");
}

TEST(Safetensors, NamesTensorsThatDoNotMatch) {
  const TempDir dir;
  Tensor x({2, 3}, DType::f32);
  write_safetensors(dir / "x", std::vector<NamedTensor>{{"x", x.view()}}, {});
  const SafetensorsFile file(dir / "x");
  Tensor transposed({3, 2}, DType::f32);
  Tensor integers({2, 3}, DType::i32);
  EXPECT_THROW(file.read("x", transposed), Error);
  EXPECT_THROW(file.read("x", integers), Error);
  EXPECT_THROW(file.read("y", x), Error);
  try {
    file.expect("x", transposed.view(), "--hidden-size");
    FAIL();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("tensor x of F32 [2,3]; expected F32 [3,2]"),
              std::string::npos)
        << error.what();
    EXPECT_EQ(error.hint(), "--hidden-size");
  }
}

TEST(Safetensors, MissingFileIsACheckpointError) {
  const TempDir dir;
  try {
    const SafetensorsFile file(dir / "absent");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(exit_code(error.kind()), 4);
  }
}

}  // namespace
}  // namespace weft::checkpoint
