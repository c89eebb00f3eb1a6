#include "train/init_from.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

#include "models/checkpoint.h"
#include "models/weights.h"
#include "models/weights_file.h"
#include "tests/support/temporary_folder.h"
#include "train/checkpoint.h"
#include "train/run_state.h"

namespace atelier {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
using Tensors = std::map<std::string, torch::Tensor>;

ModelSpec tiny(const std::string& kind = "diffusion") {
  return {.kind = kind,
          .image_size = 16,
          .condition = "outline",
          .labels = {"chair", "sofa", "table"},
          .channels = 8,
          .levels = 2,
          .blocks = 1,
          .attention_size = 8};
}

/// Of every player, copied.
Tensors tensors_of(Objective& objective) {
  Tensors all;
  for (const Player& player : objective.players())
    for (const auto& [name, tensor] : named_tensors(*player.module, player.name)) all[name] = tensor.detach().clone();
  return all;
}

/// Weights of a trained model: no two alike, none of them 0.
InitSource source_of(const ModelSpec& spec) {
  InitSource source{.spec = spec, .tensors = {}, .origin = {{"path", "runs/old"}, {"position", 7}}};
  double value = 1;
  for (const auto& [name, tensor] : tensors_of(*make_objective(spec, 3)))
    source.tensors[name] =
        (torch::arange(tensor.numel(), torch::kFloat64) + 1000 * value++).view(tensor.sizes()).to(tensor.dtype());
  return source;
}

bool same(const torch::Tensor& one, const torch::Tensor& other) { return torch::equal(one, other); }

/// The sentence that refuses.
std::string refusal(const std::function<void()>& attempt) {
  try {
    attempt();
  } catch (const std::invalid_argument& error) {
    return error.what();
  }
  return "";
}

TEST(InheritWeights, TakesAllOfTheSameModel) {
  const InitSource source = source_of(tiny());
  const auto objective = make_objective(tiny(), 0);
  const Inherited inherited = inherit_weights(*objective, source);
  for (const auto& [name, tensor] : tensors_of(*objective)) EXPECT_TRUE(same(tensor, source.tensors.at(name))) << name;
  EXPECT_EQ(inherited.taken.size(), source.tensors.size());
  EXPECT_THAT(inherited.fresh, IsEmpty());
  EXPECT_THAT(inherited.dropped, IsEmpty());
  EXPECT_EQ(inherited.share, 1);
  EXPECT_THAT(describe(inherited, source),
              ElementsAre(AllOf(HasSubstr("runs/old (position 7)"), HasSubstr("(100.0 % of this model), 0 new"))));
}

class InheritLabels : public testing::TestWithParam<std::string> {};

TEST_P(InheritLabels, TakesTheRowsOfTheSameNames) {
  const InitSource source = source_of(tiny(GetParam()));
  ModelSpec spec = tiny(GetParam());
  spec.labels = {"lamp", "table", "bed", "desk", "chair"};
  const auto objective = make_objective(spec, 0);
  const Tensors before = tensors_of(*objective);
  const Inherited inherited = inherit_weights(*objective, source);
  size_t tables = 0;
  for (const auto& [name, tensor] : tensors_of(*objective)) {
    if (!name.ends_with("label.weight")) continue;
    ++tables;
    const torch::Tensor &old = source.tensors.at(name), &fresh = before.at(name);
    EXPECT_TRUE(same(tensor[1], old[2])) << "table";
    EXPECT_TRUE(same(tensor[4], old[0])) << "chair";
    EXPECT_TRUE(same(tensor[5], old[3])) << "no label";
    for (const int64_t row : {0, 2, 3}) EXPECT_TRUE(same(tensor[row], fresh[row])) << row;
  }
  EXPECT_LT(inherited.share, 1) << "rows of new labels are not taken";
  EXPECT_EQ(tables, GetParam() == "pix2pix" ? 2U : 1U);
  EXPECT_THAT(inherited.labels_taken, ElementsAre("table", "chair"));
  EXPECT_THAT(inherited.labels_fresh, ElementsAre("lamp", "bed", "desk"));
  EXPECT_THAT(inherited.labels_dropped, ElementsAre("sofa"));
  EXPECT_THAT(describe(inherited, source),
              Contains("labels: 2 (table, chair) taken, 3 (lamp, bed, desk) new, 1 (sofa) dropped"));
}

INSTANTIATE_TEST_SUITE_P(Kinds, InheritLabels, testing::Values("diffusion", "pix2pix"),
                         [](const auto& kind) { return kind.param; });

TEST(InheritWeights, TakesWhatFitsAtAnotherSizeAndWithAnotherInput) {
  const InitSource source = source_of(tiny());
  ModelSpec spec = tiny();
  spec.image_size = 32;  // of whose two levels none is as small as the attention wants
  spec.condition = "none";
  const auto objective = make_objective(spec, 0);
  const Tensors before = tensors_of(*objective);
  const Inherited inherited = inherit_weights(*objective, source);
  EXPECT_THAT(inherited.fresh, ElementsAre("denoiser.input.weight"));
  EXPECT_THAT(inherited.dropped, Contains("denoiser.input.weight"));
  EXPECT_THAT(inherited.dropped, Each(testing::AnyOf("denoiser.input.weight", HasSubstr(".attention."))));
  EXPECT_GT(inherited.dropped.size(), 4U);
  EXPECT_LT(inherited.share, 1);
  for (const auto& [name, tensor] : tensors_of(*objective))
    EXPECT_TRUE(same(tensor, (name == "denoiser.input.weight" ? before : source.tensors).at(name))) << name;
}

TEST(InheritWeights, LeavesWhatARunHasSeenOfItsData) {
  const InitSource source = source_of(tiny("pix2pix"));
  const auto objective = make_objective(tiny("pix2pix"), 0);
  const Inherited inherited = inherit_weights(*objective, source);
  EXPECT_EQ(tensors_of(*objective).at("generator.palette.counts").sum().item<int64_t>(), 0);
  EXPECT_THAT(inherited.fresh, ElementsAre("generator.palette.colors", "generator.palette.counts"));
  EXPECT_EQ(inherited.dropped, inherited.fresh);
  EXPECT_EQ(inherited.share, 1);
}

TEST(InheritWeights, RefusesWhatDoesNotFitAtAllAndWhatIsNotFinite) {
  const auto objective = make_objective(tiny("diffusion"), 0);
  EXPECT_THAT(refusal([&] { inherit_weights(*objective, source_of(tiny("pix2pix"))); }),
              AllOf(HasSubstr("Nothing of train.init_from runs/old fits"), HasSubstr("pix2pix with 8 channels")));
  InitSource source = source_of(tiny());
  source.tensors.at("denoiser.label.weight")[0][0] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(refusal([&] { inherit_weights(*objective, source); }),
              AllOf(HasSubstr("denoiser.label.weight"), HasSubstr("not finite")));
}

/// Sources on disk.
class InitSourceOnDisk : public testing::Test {
 protected:
  static constexpr uint64_t kPosition = 12;

  /// A run whose averages are not its weights; the discriminator has none.
  InitSourceOnDisk() {
    Snapshot snapshot;
    snapshot.spec = tiny("pix2pix");
    snapshot.model = source_of(snapshot.spec).tensors;
    for (const auto& [name, tensor] : snapshot.model)
      if (name.starts_with("generator.")) snapshot.average[name] = -tensor;
    snapshot.state = {{"format", kCheckpointFormat}, {"position", kPosition}};
    save_checkpoint(folder_ / "run", kPosition, snapshot);
  }

  InitSource read(const fs::path& path) {
    warnings_.clear();
    return read_init_source(path, warnings_);
  }

  TemporaryFolder folder_;
  std::vector<std::string> warnings_;
};

TEST_F(InitSourceOnDisk, TakesAveragesWhereThereAreAny) {
  for (const fs::path& path : {folder_ / "run", checkpoint_folder(folder_ / "run", kPosition)}) {
    const InitSource source = read(path);
    const Tensors raw = source_of(tiny("pix2pix")).tensors;
    for (const char* name : {"generator.output.weight", "discriminator.conv.0.weight"})
      EXPECT_TRUE(same(source.tensors.at(name), name[0] == 'g' ? -raw.at(name) : raw.at(name))) << name;
    EXPECT_EQ(source.tensors.size(), raw.size());
    EXPECT_EQ(source.origin.at("path"), path.string());
    EXPECT_EQ(source.origin.at("position"), kPosition);
    EXPECT_EQ(source.origin.at("files").size(), 2U);
  }
}

TEST_F(InitSourceOnDisk, TakesAWeightsFile) {
  const InitSource model = source_of(tiny());
  const fs::path path = folder_ / "chairs.safetensors";
  save_weights(path, {.spec = tiny(), .tensors = model.tensors, .weights = "average", .position = 99, .metadata = {}});
  const InitSource source = read(path);
  EXPECT_EQ(source.spec, tiny());
  EXPECT_EQ(source.origin.at("position"), 99);
  EXPECT_EQ(source.origin.at("files").at("chairs.safetensors").get<std::string>().size(), 64U);
  EXPECT_EQ(inherit_weights(*make_objective(tiny(), 0), source).share, 1);
}

TEST_F(InitSourceOnDisk, RefusesWhatIsNotThereDamagedOrSomethingElse) {
  const auto refused = [&](const fs::path& path) { return refusal([&] { read(path); }); };
  EXPECT_THAT(refused(folder_ / "nowhere"), AllOf(StartsWith("train.init_from: "), HasSubstr("nowhere")));
  std::ofstream(folder_ / "list.csv") << "url,label\na.png,chair\n";
  EXPECT_THAT(refused(folder_ / "list.csv"), AllOf(StartsWith("train.init_from: "), HasSubstr("list.csv")));
  save_tensors(folder_ / "other.safetensors", {{{"weight", torch::zeros({3})}}, {}});
  EXPECT_THAT(refused(folder_ / "other.safetensors"), HasSubstr("was not written by Atelier"));
  fs::create_directories(folder_ / "empty");
  EXPECT_THAT(refused(folder_ / "empty"), HasSubstr("holds no good checkpoint"));
  const fs::path ema = checkpoint_folder(folder_ / "run", kPosition) / "ema.safetensors";
  fs::resize_file(ema, fs::file_size(ema) - 1);
  EXPECT_THAT(refused(folder_ / "run"), AllOf(StartsWith("train.init_from: "), HasSubstr("damaged")));
}

}  // namespace
}  // namespace atelier
