#include "models/spec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <stdexcept>

namespace atelier {
namespace {

using nlohmann::json;
using testing::HasSubstr;

ModelSpec example() {
  ModelSpec spec;
  spec.kind = "pix2pix";
  spec.condition = "outline";
  spec.labels = {"chair", "tüsch"};
  spec.dropout = 0.5;
  return spec;
}

std::string refusal(const json& description) {
  try {
    (void)description.get<ModelSpec>();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "accepted";
}

std::string refusal_with(const char* field, const json& value) {
  json description = example();
  description[field] = value;
  return refusal(description);
}

TEST(ModelSpec, SurvivesJson) { EXPECT_EQ(json::parse(json(example()).dump()).get<ModelSpec>(), example()); }

TEST(ModelSpec, RefusesAMissingField) {
  const json whole = example();
  for (const auto& item : whole.items()) {
    json description = whole;
    description.erase(item.key());
    EXPECT_THAT(refusal(description), HasSubstr(item.key() + " is missing"));
  }
}

TEST(ModelSpec, RefusesTheWrongType) {
  EXPECT_THAT(refusal(json::array()), HasSubstr("not an object"));
  EXPECT_THAT(refusal_with("kind", 3), HasSubstr("kind is not a text"));
  EXPECT_THAT(refusal_with("channels", "64"), HasSubstr("channels is not an integer"));
  EXPECT_THAT(refusal_with("channels", 64.5), HasSubstr("channels is not an integer"));
  EXPECT_THAT(refusal_with("dropout", "much"), HasSubstr("dropout is not a number"));
  EXPECT_THAT(refusal_with("labels", "chair"), HasSubstr("labels is not a list"));
  EXPECT_THAT(refusal_with("labels", {"chair", 3}), HasSubstr("labels holds something"));
}

TEST(ModelSpec, RefusesWhatIsOutOfRange) {
  EXPECT_THAT(refusal_with("kind", "vae"), HasSubstr("not one of diffusion, pix2pix"));
  EXPECT_THAT(refusal_with("channels", 0), HasSubstr("outside 1..4096"));
  EXPECT_THAT(refusal_with("channels", UINT64_MAX), HasSubstr("channels is 18446744073709551615"));
  EXPECT_THAT(refusal_with("levels", -1), HasSubstr("levels is -1"));
  EXPECT_THAT(refusal_with("dropout", 1), HasSubstr("dropout is 1"));
  EXPECT_THAT(refusal_with("labels", {"chair", "chair"}), HasSubstr("\"chair\" twice"));
}

TEST(ModelSpec, LeavesOutWhatYoungerProgramsBroughtWhereItIsNotUsed) {
  const json plain = ModelSpec();
  for (const char* field : {"objective", "condition_dropout", "min_snr_gamma"}) EXPECT_FALSE(plain.contains(field));

  ModelSpec spec;
  spec.objective = "flow";
  spec.condition_dropout = 0.25;
  spec.min_snr_gamma = 5;
  const json all = spec;
  EXPECT_EQ(all.size(), plain.size() + 3);
  EXPECT_EQ(all.get<ModelSpec>(), spec);
  json spelled_out = plain;
  spelled_out.update({{"objective", "edm"}, {"condition_dropout", 0}, {"min_snr_gamma", 0}});
  EXPECT_EQ(spelled_out.get<ModelSpec>(), ModelSpec());
}

TEST(ModelSpec, RefusesObjectivesAndSharesThatThereAreNot) {
  EXPECT_THAT(refusal_with("objective", "vae"), HasSubstr("objective is \"vae\", not one of edm, flow"));
  EXPECT_THAT(refusal_with("condition_dropout", 1), HasSubstr("condition_dropout is 1, outside"));
  EXPECT_THAT(refusal_with("min_snr_gamma", -1), HasSubstr("min_snr_gamma is -1, outside 0..1000"));
  EXPECT_THAT(refusal_with("min_snr_gamma", 1e300), HasSubstr("min_snr_gamma is 1e+300"));
  EXPECT_THAT(refusal_with("min_snr_gamma", "5"), HasSubstr("min_snr_gamma is not a number"));
}

TEST(ModelSpec, RefusesAFieldItDoesNotKnow) { EXPECT_THAT(refusal_with("heads", 4), HasSubstr("heads is not known")); }

}  // namespace
}  // namespace atelier
