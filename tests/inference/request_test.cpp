#include "inference/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <set>

#include "base/random.h"

namespace atelier {
namespace {

using testing::HasSubstr;

using Flags = std::vector<std::pair<std::string, std::string>>;

Resolved with_flags(const Flags& flags) { return resolve({Layer{"flag", flags}}); }

ModelSpec model(const std::string& kind, const std::string& condition) {
  ModelSpec spec;
  spec.kind = kind;
  spec.condition = condition;
  spec.labels = {"chair", "sofa", "table"};
  return spec;
}

/// What make_request says against these flags; empty when nothing.
std::string refusal(const Flags& flags, const ModelSpec& spec) {
  try {
    make_request(with_flags(flags), spec);
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(VariationSeeds, BeginWithTheRequestsOwn) {
  const auto seeds = variation_seeds(7, 4);
  ASSERT_EQ(seeds.size(), 4U);
  EXPECT_EQ(seeds[0], 7U);
  EXPECT_EQ(seeds[1], random_bits(7, 0, Purpose::kVariation) & kMaxSeed);
}

TEST(VariationSeeds, AreAllDifferentAndReadableByEveryJsonReader) {
  const auto seeds = variation_seeds(kMaxSeed, 64);
  EXPECT_EQ(std::set<uint64_t>(seeds.begin(), seeds.end()).size(), 64U);
  for (const uint64_t seed : seeds) EXPECT_LE(seed, kMaxSeed);
}

TEST(VariationSeeds, OfAShorterRequestBeginThoseOfALongerOne) {
  const auto few = variation_seeds(7, 3), many = variation_seeds(7, 9);
  EXPECT_TRUE(std::equal(few.begin(), few.end(), many.begin()));
  EXPECT_NE(variation_seeds(8, 3)[1], few[1]);
}

TEST(VariationSeeds, RefuseCountsOutOfRange) {
  EXPECT_THROW(variation_seeds(7, 0), std::invalid_argument);
  EXPECT_THROW(variation_seeds(7, 65), std::invalid_argument);
  EXPECT_THROW(variation_seeds(kMaxSeed + 1, 1), std::invalid_argument);
}

TEST(Color, IsReadExactlyOrNotAtAll) {
  EXPECT_EQ(parse_color("#8b5a2b"), (Rgb{0x8b, 0x5a, 0x2b}));
  EXPECT_EQ(color_text(parse_color("#8B5A2B")), "#8b5a2b");
  for (const char* wrong : {"", "8b5a2b", "#8b5a2", "#8b5a2b0", "#8b5a2g", "# b5a2b", "#-b5a2b", "#0x5a2b", "brown"})
    EXPECT_THROW(parse_color(wrong), std::invalid_argument) << wrong;
}

TEST(DesignRequest, FindsTheLabel) {
  const DesignRequest request = make_request(with_flags({{"generate.label", "sofa"}}), model("diffusion", "none"));
  EXPECT_EQ(request.label_index, 1);
  EXPECT_EQ(request.label, "sofa");
}

TEST(DesignRequest, NamesTheNearestOfUnknownLabelsAndListsAll) {
  const std::string sentence = refusal({{"generate.label", "char"}}, model("diffusion", "none"));
  EXPECT_THAT(sentence, HasSubstr("Nearest: chair"));
  EXPECT_THAT(sentence, HasSubstr("chair, sofa, table"));
}

TEST(DesignRequest, ListsOnlySomeOfVeryManyLabels) {
  ModelSpec spec = model("diffusion", "none");
  spec.labels.clear();
  for (int i = 0; i < 1000; ++i) spec.labels.push_back("label" + std::to_string(i));
  const std::string sentence = refusal({{"generate.label", "label"}}, spec);
  EXPECT_THAT(sentence, HasSubstr("and 960 more"));
  EXPECT_LT(sentence.size(), 600U);
}

TEST(DesignRequest, NeedsALabelOnlyWhereTheModelNeverSawUnlabelledSamples) {
  ModelSpec spec = model("diffusion", "none");
  const DesignRequest request = make_request(with_flags({}), spec);
  EXPECT_EQ(request.label_index, -1);
  EXPECT_EQ(request.guidance, 1) << "there is nothing to guide towards";
  spec.label_dropout = 0;
  EXPECT_THAT(refusal({}, spec), HasSubstr("needs --label"));
  spec.labels.clear();
  EXPECT_EQ(refusal({}, spec), "");
  EXPECT_THAT(refusal({{"generate.label", "chair"}}, spec), HasSubstr("without labels"));
}

TEST(DesignRequest, GuidesByTheConditionOfAModelThatWasTrainedWithoutIt) {
  const Flags guided{{"generate.condition", "a.png"}, {"generate.guidance", "3"}};
  ModelSpec spec = model("diffusion", "outline");
  EXPECT_THAT(refusal(guided, spec), HasSubstr("guidance strengthens a label"));
  spec.condition_dropout = 0.1;
  EXPECT_EQ(make_request(with_flags(guided), spec).guidance, 3);
  spec.label_dropout = 0;
  EXPECT_THAT(refusal(guided, spec), HasSubstr("needs --label"));
  spec.labels.clear();
  EXPECT_EQ(make_request(with_flags(guided), spec).guidance, 3);
}

TEST(DesignRequest, TakesTheStepsFromTheQualityUnlessTheyAreGiven) {
  const auto steps = [](const Flags& flags) {
    return make_request(with_flags(flags), model("diffusion", "none")).steps;
  };
  EXPECT_EQ(steps({{"generate.quality", "fast"}}), 9);
  EXPECT_EQ(steps({}), 18);
  EXPECT_EQ(steps({{"generate.quality", "high"}}), 40);
  EXPECT_EQ(steps({{"generate.quality", "high"}, {"generate.steps", "5"}}), 5);
}

TEST(DesignRequest, GivesEachFileItsPart) {
  const auto request = [](const Flags& flags, const ModelSpec& spec) {
    Flags all = flags;
    all.emplace_back("generate.label", "chair");
    return make_request(with_flags(all), spec);
  };
  const Flags image{{"generate.image", "a.png"}}, condition{{"generate.condition", "b.png"}};
  const Flags both{image[0], condition[0]}, image_and_strength{image[0], {"generate.strength", "0.3"}};

  const DesignRequest start = request(image_and_strength, model("diffusion", "none"));
  EXPECT_EQ(start.start_file, "a.png");
  EXPECT_EQ(start.strength, 0.3);
  EXPECT_EQ(start.condition_from, ConditionFrom::kNothing);

  for (const char* kind : {"diffusion", "pix2pix"}) {
    const DesignRequest outlined = request(image, model(kind, "outline"));
    EXPECT_EQ(outlined.condition_from, ConditionFrom::kOutline);
    EXPECT_EQ(outlined.condition_file, "a.png");
    EXPECT_EQ(outlined.start_file, "");
    EXPECT_EQ(request(condition, model(kind, "outline")).condition_from, ConditionFrom::kSketch);
    EXPECT_EQ(request(condition, model(kind, "file")).condition_from, ConditionFrom::kPicture);
  }

  const DesignRequest outlined_start = request(image_and_strength, model("diffusion", "outline"));
  EXPECT_EQ(outlined_start.condition_from, ConditionFrom::kOutline);
  EXPECT_EQ(outlined_start.start_file, "a.png");

  const DesignRequest sketched_start = request(both, model("diffusion", "outline"));
  EXPECT_EQ(sketched_start.condition_from, ConditionFrom::kSketch);
  EXPECT_EQ(sketched_start.condition_file, "b.png");
  EXPECT_EQ(sketched_start.start_file, "a.png");
  EXPECT_EQ(sketched_start.strength, 0.6);
}

struct Misfit {
  std::string kind, condition;
  Flags flags;
  std::string says;
};

TEST(DesignRequest, RefusesWhatTheModelWouldIgnoreOrMiss) {
  const std::pair<std::string, std::string> image{"generate.image", "a.png"}, condition{"generate.condition", "b.png"};
  const std::vector<Misfit> misfits{
      {"pix2pix", "outline", {}, "needs a drawing"},
      {"diffusion", "outline", {}, "needs a drawing"},
      {"diffusion", "file", {image}, "needs --condition"},
      {"diffusion", "none", {condition}, "without a condition"},
      {"pix2pix", "outline", {image, condition}, "leave one out"},
      {"pix2pix", "file", {image, condition}, "leave one out"},
      {"pix2pix", "outline", {image, {"generate.strength", "0.5"}}, "--strength does not fit"},
      {"pix2pix", "outline", {image, {"generate.steps", "5"}}, "--steps does not fit"},
      {"pix2pix", "outline", {image, {"generate.guidance", "2"}}, "--guidance does not fit"},
      {"diffusion", "none", {{"generate.strength", "0.5"}}, "--strength needs --image"},
      {"diffusion", "none", {{"generate.color", "#102030"}}, "--color does not fit"},
  };
  for (const Misfit& misfit : misfits) {
    Flags flags = misfit.flags;
    flags.emplace_back("generate.label", "chair");
    EXPECT_THAT(refusal(flags, model(misfit.kind, misfit.condition)), HasSubstr(misfit.says)) << misfit.kind;
  }
  EXPECT_THAT(refusal({{"generate.guidance", "2"}}, model("diffusion", "none")), HasSubstr("--guidance does not fit"));
}

TEST(DesignRequest, PassesOverWhatDoesNotFitWhenItCameFromAFile) {
  const Resolved settings = resolve({Layer{"file shared.yaml",
                                           {{"generate.guidance", "3"},
                                            {"generate.steps", "5"},
                                            {"generate.strength", "0.2"},
                                            {"generate.label", "chair"}}},
                                     Layer{"flag", {{"generate.image", "a.png"}}}});
  const DesignRequest request = make_request(settings, model("pix2pix", "outline"));
  EXPECT_EQ(request.guidance, 1);
  EXPECT_EQ(request.steps, 1);
  EXPECT_EQ(request.start_file, "");
}

}  // namespace
}  // namespace atelier
