#include "models/weights.h"

#include <cstring>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <torch/nn/modules/linear.h>

#include "base/files.h"
#include "tests/support/temporary_folder.h"

namespace atelier {
namespace {

using testing::HasSubstr;

class WeightsTest : public testing::Test {
 protected:
  /// Why a file of this header and `data_bytes` zeros is refused.
  std::string refusal(const std::string& header, size_t data_bytes = 0, uint64_t length = UINT64_MAX) {
    if (length == UINT64_MAX) length = header.size();
    std::string bytes(sizeof length, '\0');
    std::memcpy(bytes.data(), &length, sizeof length);
    return refusal_of_bytes(bytes + header + std::string(data_bytes, '\0'));
  }

  std::string refusal_of_bytes(const std::string& bytes) {
    publish_file(path_, bytes);
    try {
      load_tensors(path_);
    } catch (const std::invalid_argument& error) {
      EXPECT_THAT(error.what(), HasSubstr(path_.string()));
      return error.what();
    }
    return "accepted";
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_.path() / "x.safetensors";
};

TensorFile every_dtype() {
  TensorFile file{{}, {{"atelier", "1"}, {"quote", "\"ü\""}}};
  const auto x = torch::arange(6).reshape({2, 3});
  for (const auto type : {torch::kFloat32, torch::kFloat16, torch::kBFloat16, torch::kFloat64, torch::kInt64,
                          torch::kInt32, torch::kUInt8, torch::kBool})
    file.tensors[std::string("t.") + c10::toString(type)] = x.to(type);
  file.tensors["scalar"] = torch::tensor(2.5f);
  file.tensors["empty"] = torch::zeros({0, 3});
  file.tensors["strided"] = torch::arange(6.0f).reshape({2, 3}).t();
  return file;
}

TEST_F(WeightsTest, GivesBackWhatWasSaved) {
  const auto file = every_dtype();
  save_tensors(path_, file);
  const auto back = load_tensors(path_);
  EXPECT_EQ(back.metadata, file.metadata);
  ASSERT_EQ(back.tensors.size(), file.tensors.size());
  for (const auto& [name, tensor] : file.tensors) {
    EXPECT_EQ(back.tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(back.tensors.at(name), tensor)) << name;
  }
}

TEST_F(WeightsTest, WritesTheSameBytesForTheSameTensors) {
  save_tensors(path_, every_dtype());
  const auto first = read_file(path_);
  save_tensors(path_, every_dtype());
  EXPECT_EQ(read_file(path_), first);
}

TEST_F(WeightsTest, AlignsTheDataToEightBytes) {
  for (int names = 1; names < 9; ++names) {
    save_tensors(path_, {{{std::string(static_cast<size_t>(names), 'n'), torch::zeros({1})}}, {}});
    uint64_t length = 0;
    std::memcpy(&length, read_file(path_).data(), sizeof length);
    EXPECT_EQ(length % 8, 0u);
  }
}

TEST_F(WeightsTest, ReadsAFileOfThePythonPackage) {
  const auto file = load_tensors(ATELIER_SOURCE_DIR "/tests/models/data/from_python.safetensors");
  EXPECT_EQ(file.metadata.at("maker"), "safetensors");
  ASSERT_EQ(file.tensors.size(), 9u);
  const auto expect = [&](const char* name, const torch::Tensor& tensor) {
    EXPECT_EQ(file.tensors.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(torch::equal(file.tensors.at(name), tensor)) << name;
  };
  expect("a.weight", torch::tensor({0.5f, -1.25f, 3.0f, 1e-7f}).reshape({2, 2}));
  expect("b.half", torch::tensor({1.5f, -2.0f}).to(torch::kFloat16));
  expect("b.brain", torch::tensor({1.5f, -2.0f, 256.0f}).to(torch::kBFloat16));
  expect("c.double", torch::tensor(0.1, torch::kFloat64));
  expect("c.long", torch::tensor({int64_t{-1}, int64_t{1} << 40}));
  expect("c.int", torch::full({1, 1}, -7, torch::kInt32));
  expect("d.byte", torch::tensor({1, 255, 3}, torch::kUInt8));
  expect("d.bool", torch::tensor({true, false}));
  expect("e.empty", torch::zeros({0, 3}));
}

TEST_F(WeightsTest, RefusesToSaveADtypeOutsideTheFormatsList) {
  EXPECT_THROW(save_tensors(path_, {{{"c", torch::zeros({1}, torch::kComplexFloat)}}, {}}), std::invalid_argument);
}

TEST_F(WeightsTest, SaysWhenTheDiskRefuses) {
  EXPECT_THROW(save_tensors("/dev/full", every_dtype()), std::runtime_error);
  EXPECT_THROW(save_tensors(folder_.path() / "no" / "folder", every_dtype()), std::runtime_error);
}

// Hostile files.

TEST_F(WeightsTest, RefusesAFileThatIsNotThere) { EXPECT_THROW(load_tensors(path_), std::invalid_argument); }

TEST_F(WeightsTest, RefusesAFileShorterThanItsLength) {
  EXPECT_THAT(refusal_of_bytes(""), HasSubstr("shorter"));
  EXPECT_THAT(refusal_of_bytes("1234567"), HasSubstr("shorter"));
}

TEST_F(WeightsTest, RefusesAHeaderLongerThanTheLimitOrTheFile) {
  EXPECT_THAT(refusal("{}", 0, 100'000'001), HasSubstr("longer than 100000000"));
  EXPECT_THAT(refusal("{}", 0, UINT64_MAX - 1), HasSubstr("longer than 100000000"));
  EXPECT_THAT(refusal("{}", 0, 3), HasSubstr("longer than the file"));
}

TEST_F(WeightsTest, RefusesAHeaderThatIsNoJsonObject) {
  EXPECT_THAT(refusal(""), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("{\"a\":"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("{\"\xff\": 1}"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("{} {}"), HasSubstr("not JSON"));
  EXPECT_THAT(refusal("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(refusal("null"), HasSubstr("not a JSON object"));
}

TEST_F(WeightsTest, RefusesAKeyGivenTwice) {
  const std::string entry = R"("a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]})";
  EXPECT_THAT(refusal("{" + entry + "," + entry + "}", 1), HasSubstr("\"a\" twice"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[1],"shape":[1],"data_offsets":[0,1]}})", 1),
              HasSubstr("\"shape\" twice"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":"1","k":"2"}})"), HasSubstr("\"k\" twice"));
}

TEST_F(WeightsTest, RefusesABombOfBracketsOrNumbers) {
  EXPECT_THAT(refusal("{\"a\":" + std::string(1'000'000, '[')), HasSubstr("deeper or longer"));
  std::string numbers = "{\"a\":[0";
  for (int i = 0; i < 100'000; ++i) numbers += ",0";
  EXPECT_THAT(refusal(numbers + "]}"), HasSubstr("deeper or longer"));
}

TEST_F(WeightsTest, RefusesATensorThatIsNotDescribedFully) {
  EXPECT_THAT(refusal(R"({"a":3})"), HasSubstr("exactly dtype, shape and data_offsets"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[1]}})", 1), HasSubstr("exactly dtype"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1],"more":1}})", 1),
              HasSubstr("exactly dtype"));
}

TEST_F(WeightsTest, RefusesADtypeItDoesNotKnow) {
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F8_E4M3","shape":[1],"data_offsets":[0,1]}})", 1), HasSubstr("F8_E4M3"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":7,"shape":[1],"data_offsets":[0,1]}})", 1), HasSubstr("the dtype 7"));
}

TEST_F(WeightsTest, RefusesAShapeOfNegativeBrokenOrHugeSides) {
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[-1],"data_offsets":[0,1]}})", 1), HasSubstr("holds -1"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[1.0],"data_offsets":[0,1]}})", 1), HasSubstr("holds 1.0"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", 1), HasSubstr("not a list"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,1]}})", 1),
              HasSubstr("holds 18446744073709551615"));
  // 2^32 * 2^32 elements wrap to 0; so would the strides of the second.
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})"),
              HasSubstr("does not fit"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[0,4294967296,4294967296],"data_offsets":[0,0]}})"),
              HasSubstr("does not fit"));
}

TEST_F(WeightsTest, RefusesOffsetsThatDoNotFitTheShape) {
  EXPECT_THAT(refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4), HasSubstr("does not fit"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[1,0]}})", 1), HasSubstr("begin and an end"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0]}})", 1), HasSubstr("begin and an end"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[-1,0]}})", 1), HasSubstr("holds -1"));
}

TEST_F(WeightsTest, RefusesATensorThatEndsAfterTheFile) {
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})", 7), HasSubstr("after the file"));
  EXPECT_THAT(refusal(R"({"a":{"dtype":"U8","shape":[4611686018427387904],"data_offsets":[0,4611686018427387904]}})"),
              HasSubstr("after the file"));
}

std::string two_tensors(int begin, int end) {
  return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[)" +
         std::to_string(begin) + "," + std::to_string(end) + "]}}";
}

TEST_F(WeightsTest, RefusesOverlapsGapsAndTrailingBytes) {
  EXPECT_EQ(refusal(two_tensors(4, 8), 8), "accepted");
  EXPECT_THAT(refusal(two_tensors(3, 7), 8), HasSubstr("overlaps"));
  EXPECT_THAT(refusal(two_tensors(0, 4), 8), HasSubstr("overlaps"));
  EXPECT_THAT(refusal(two_tensors(5, 9), 9), HasSubstr("gap before \"b\""));
  EXPECT_THAT(refusal(two_tensors(4, 8), 9), HasSubstr("1 bytes after the last tensor"));
}

TEST_F(WeightsTest, RefusesMetadataThatAreNotTexts) {
  EXPECT_THAT(refusal(R"({"__metadata__":[]})"), HasSubstr("metadata are not an object"));
  EXPECT_THAT(refusal(R"({"__metadata__":{"k":1}})"), HasSubstr("\"k\" are not a text"));
}

TEST_F(WeightsTest, ReadsAnyByteOfABoolAsTrueOrFalse) {
  const std::string header = R"({"a":{"dtype":"BOOL","shape":[2],"data_offsets":[0,2]}})";
  const uint64_t length = header.size();
  std::string bytes(sizeof length, '\0');
  std::memcpy(bytes.data(), &length, sizeof length);
  publish_file(path_, bytes + header + std::string("\x07\x00", 2));
  EXPECT_EQ(load_tensors(path_).tensors.at("a").to(torch::kInt32).sum().item<int>(), 1);
}

// Modules.

struct Small : torch::nn::Module {
  torch::nn::Linear linear{register_module("linear", torch::nn::Linear(2, 3))};
  torch::Tensor counts = register_buffer("counts", torch::zeros({2}, torch::kInt64));
};

std::string load_refusal(Small& module, const std::map<std::string, torch::Tensor>& tensors) {
  try {
    load_into(module, "net", tensors);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

std::map<std::string, torch::Tensor> fresh() {
  return {{"net.linear.weight", torch::full({3, 2}, 5.0f)},
          {"net.linear.bias", torch::full({3}, 6.0f)},
          {"net.counts", torch::full({2}, 7)}};
}

TEST(LoadInto, FillsParametersAndBuffers) {
  Small module;
  auto tensors = fresh();
  tensors["network.other"] = torch::zeros({1});  // not under the prefix
  load_into(module, "net", tensors);
  EXPECT_TRUE(torch::equal(module.linear->weight, torch::full({3, 2}, 5.0f)));
  EXPECT_TRUE(torch::equal(module.counts, torch::full({2}, 7)));
  EXPECT_TRUE(module.linear->weight.requires_grad());
}

TEST(LoadInto, NamesWhatDoesNotFitAndChangesNothing) {
  Small module;
  const auto before = module.linear->weight.clone();
  auto tensors = fresh();
  tensors.erase("net.counts");
  EXPECT_THAT(load_refusal(module, tensors), HasSubstr("lack the tensor net.counts"));
  tensors = fresh();
  tensors["net.more"] = torch::zeros({1});
  EXPECT_THAT(load_refusal(module, tensors), HasSubstr("no tensor net.more"));
  tensors = fresh();
  tensors["net.linear.weight"] = torch::zeros({2, 3});
  EXPECT_THAT(load_refusal(module, tensors), HasSubstr("net.linear.weight has the shape [2, 3]"));
  tensors = fresh();
  tensors["net.counts"] = torch::zeros({2});
  EXPECT_THAT(load_refusal(module, tensors), HasSubstr("net.counts is Float"));
  EXPECT_TRUE(torch::equal(module.linear->weight, before));
}

TEST(NamedTensors, AreTheModulesOwn) {
  Small module;
  const auto tensors = named_tensors(module, "net");
  ASSERT_EQ(tensors.size(), 3u);
  EXPECT_TRUE(tensors.at("net.linear.weight").is_same(module.linear->weight));
}

}  // namespace
}  // namespace atelier
